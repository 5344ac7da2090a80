/**
 * Counts what compiled regions do, without their knowing: each is entered through a function of a wasm module that is
 * written here, which counts the entry and the instructions, and calls it. Only there when somebody asked for it.
 */
import { name, nameSection, s32, section, u32, vector } from "./binary.js";

/** Entries, then instructions, 64 bits each. */
const SLOT_BYTES = 16;
const PAGE_BYTES = 0x1_0000;

const HEADER = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const [I32, I64, FUNCTION, MEMORY] = [0x7f, 0x7e, 0x60, 0x02];
/** hart, instructions left, page -> instructions left: see assembly/jit/module.ts. */
const REGION_TYPE = [FUNCTION, 3, I32, I32, I64, 1, I32];
const [HART, LEFT, PAGE, AFTER] = [0, 1, 2, 3];
const [TYPES, IMPORTS, FUNCTIONS, EXPORTS, CODE] = [1, 2, 3, 7, 10];

export interface RegionCount {
  readonly address: bigint;
  readonly entries: bigint;
  readonly instructions: bigint;
}

export class RegionCounters {
  readonly #memory = new WebAssembly.Memory({ initial: 1 });
  /** By address: what is compiled again goes on counting. */
  readonly #slots = new Map<bigint, number>();

  /** Functions to enter `regions` by, which lie at `addresses` and are known to V8 as `names`. */
  wrap(regions: readonly unknown[], addresses: readonly bigint[], names: readonly string[]): unknown[] {
    const slots = regions.map((_region, index) => this.#slot(addresses[index] ?? 0n));
    const module = new WebAssembly.Module(counterModule(slots, names));
    const functions = Object.fromEntries(regions.map((region, index) => [String(index), region as () => unknown]));
    const { exports } = new WebAssembly.Instance(module, { r: functions, c: { m: this.#memory } });
    return regions.map((_region, index) => exports[String(index)] as unknown);
  }

  read(): RegionCount[] {
    const view = new DataView(this.#memory.buffer);
    return Array.from(this.#slots, ([address, at]) => ({
      address,
      entries: view.getBigUint64(at, true),
      instructions: view.getBigUint64(at + 8, true),
    }));
  }

  #slot(address: bigint): number {
    const known = this.#slots.get(address);
    if (known !== undefined) return known;
    const at = this.#slots.size * SLOT_BYTES;
    if (at + SLOT_BYTES > this.#memory.buffer.byteLength)
      this.#memory.grow(this.#memory.buffer.byteLength / PAGE_BYTES);
    this.#slots.set(address, at);
    return at;
  }
}

function counterModule(slots: readonly number[], names: readonly string[]): Uint8Array {
  const count = slots.length;
  const imports = slots.map((_slot, index) => [...name("r"), ...name(String(index)), 0, 0]);
  imports.push([...name("c"), ...name("m"), MEMORY, 0, 0]);
  return Uint8Array.from([
    ...HEADER,
    ...section(TYPES, vector([REGION_TYPE])),
    ...section(IMPORTS, vector(imports)),
    ...section(FUNCTIONS, vector(slots.map(() => [0]))),
    ...section(EXPORTS, vector(slots.map((_slot, index) => [...name(String(index)), 0, ...u32(count + index)]))),
    ...section(CODE, vector(slots.map((slot, index) => sized(body(slot, index))))),
    ...nameSection(count, names),
  ]);
}

const sized = (bytes: readonly number[]): number[] => [...u32(bytes.length), ...bytes];

/** Instructions used here, with their immediates. */
const get = (local: number): number[] => [0x20, ...u32(local)];
const constant = (value: number): number[] => [0x41, ...s32(value)];
const load = (offset: number): number[] => [0x29, 3, ...u32(offset)];
const store = (offset: number): number[] => [0x37, 3, ...u32(offset)];
const ADD_ONE = [0x42, 1, 0x7c];
const [CALL, TEE, SUB, EXTEND, ADD, END] = [0x10, 0x22, 0x6b, 0xad, 0x7c, 0x0b];

function body(slot: number, region: number): number[] {
  return [
    ...[1, 1, I32],
    ...[...constant(slot), ...constant(slot), ...load(0), ...ADD_ONE, ...store(0)],
    ...[...constant(slot), ...constant(slot), ...load(8)],
    ...[...get(LEFT), ...get(HART), ...get(LEFT), ...get(PAGE), CALL, ...u32(region)],
    ...[TEE, AFTER, SUB, EXTEND, ADD, ...store(8)],
    ...[...get(AFTER), END],
  ];
}
