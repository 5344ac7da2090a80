/** Names for guest addresses: from a kernel's System.map, or the symbol table of an ELF file. */
import { hostFile, readAll } from "../boot/byte-source.js";
import { isElf, readElf, readElfSymbolTable } from "../boot/elf.js";
import { VkrunError } from "../errors.js";

/** "ffffffff80002000 T _start": nm(1), sorted or not. */
const MAP_LINE = /^([0-9a-f]{8,16}) [a-zA-Z] (\S+)$/;
/** What is further behind a symbol than this is something else, without one. */
const REACH = 0x10_0000n;

export class Symbols {
  readonly #addresses: BigUint64Array;
  readonly #names: readonly string[];

  static async read(path: string): Promise<Symbols> {
    const source = await hostFile(path, "symbols");
    const bytes = await readAll(source);
    const symbols = isElf(bytes) ? await readElfSymbolTable(await readElf(source)) : parseMap(bytes);
    if (symbols.length === 0) {
      throw new VkrunError("ERR_VKRUN_SYMBOLS_INVALID", `${path} has no symbols`, {
        hint: "Name a kernel's System.map, or an ELF file that was not stripped.",
      });
    }
    return new Symbols(symbols);
  }

  constructor(symbols: readonly { readonly name: string; readonly value: bigint }[]) {
    const sorted = [...symbols].sort((a, b) => (a.value < b.value ? -1 : Number(a.value > b.value)));
    this.#addresses = BigUint64Array.from(sorted, ({ value }) => value);
    this.#names = sorted.map(({ name }) => name);
  }

  /** "memcpy+0x20", or undefined. */
  find(address: bigint): string | undefined {
    let [low, high] = [0, this.#addresses.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#addresses[middle] ?? 0n) <= address) low = middle + 1;
      else high = middle;
    }
    const start = this.#addresses[low - 1];
    const offset = start === undefined ? REACH : address - start;
    if (offset >= REACH) return undefined;
    return offset === 0n ? this.#names[low - 1] : `${this.#names[low - 1]}+0x${offset.toString(16)}`;
  }
}

function parseMap(bytes: Uint8Array): { name: string; value: bigint }[] {
  const found: { name: string; value: bigint }[] = [];
  for (const line of Buffer.from(bytes).toString("latin1").split("\n")) {
    const match = MAP_LINE.exec(line);
    if (match !== null) found.push({ value: BigInt(`0x${match[1]}`), name: match[2] ?? "" });
  }
  return found;
}
