/** How long the bodies of the core's functions are, by the names that asc gives them ("assembly/mmu/bitmap/Bitmap.count"). */
import { readFile } from "node:fs/promises";
import { CORE_PATH } from "./core.js";

const [CUSTOM, IMPORT, CODE] = [0, 2, 10];
const FUNCTION_NAMES = 1;
const [FUNCTION, TABLE, MEMORY, GLOBAL] = [0, 1, 2, 3];
/** Magic number and version. */
const PREAMBLE = 8;

/** Reads what a trusted compiler wrote: our own core. */
class Reader {
  #at: number;

  constructor(
    readonly bytes: Uint8Array,
    from = 0,
  ) {
    this.#at = from;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.bytes.length;
  }

  byte(): number {
    return this.bytes[this.#at++] as number;
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  take(length: number): Uint8Array {
    this.#at += length;
    return this.bytes.subarray(this.#at - length, this.#at);
  }

  name(): string {
    return Buffer.from(this.take(this.u32())).toString("utf8");
  }
}

export async function functionSizes(): Promise<Map<string, number>> {
  const reader = new Reader(await readFile(CORE_PATH), PREAMBLE);
  const names = new Map<number, string>();
  const sizes: number[] = [];
  let imported = 0;
  while (!reader.isAtEnd) {
    const id = reader.byte();
    const contents = new Reader(reader.take(reader.u32()));
    if (id === IMPORT) imported = importedFunctions(contents);
    else if (id === CODE) {
      for (let left = contents.u32(); left > 0; left--) sizes.push(contents.take(contents.u32()).length);
    } else if (id === CUSTOM && contents.name() === "name") readNames(contents, names);
  }
  return new Map(sizes.map((size, index) => [names.get(imported + index) ?? "", size]));
}

function importedFunctions(section: Reader): number {
  let functions = 0;
  for (let left = section.u32(); left > 0; left--) {
    section.name();
    section.name();
    const kind = section.byte();
    if (kind === FUNCTION) {
      functions++;
      section.u32();
    } else if (kind === GLOBAL) section.take(2);
    else if (kind === TABLE || kind === MEMORY) {
      if (kind === TABLE) section.byte();
      const limits = section.byte();
      section.u32();
      if ((limits & 1) !== 0) section.u32();
    }
  }
  return functions;
}

function readNames(section: Reader, names: Map<number, string>): void {
  while (!section.isAtEnd) {
    const id = section.byte();
    const contents = new Reader(section.take(section.u32()));
    if (id !== FUNCTION_NAMES) continue;
    for (let left = contents.u32(); left > 0; left--) names.set(contents.u32(), contents.name());
  }
}
