/**
 * Compiled guest code: wasm modules that the core writes into linear memory, each a batch of regions, and the table
 * through which it enters them.
 */
import type { CoreExports } from "./core.js";

/** Regions export one-character names from "0" on (assembly/jit/module.ts). */
const FIRST_NAME = 48;
/** Index 0 means "not compiled". */
const FIRST_INDEX = 1;
const GROWTH = 4096;

export interface RegionStatistics {
  /** Compiled since the start. */
  regions: number;
  modules: number;
  /** Of wasm. */
  bytes: number;
  compileMs: number;
  /** How often everything was dropped. */
  drops: number;
}

export class Regions {
  readonly table = new WebAssembly.Table({ initial: GROWTH, element: "anyfunc" });
  readonly statistics: RegionStatistics = { regions: 0, modules: 0, bytes: 0, compileMs: 0, drops: 0 };
  readonly #memory: WebAssembly.Memory;
  #helpers: WebAssembly.Imports | undefined;
  #next = FIRST_INDEX;

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
  }

  /** Has regions call the core that they belong to. */
  connect(core: CoreExports): void {
    const { jitFill: a, jitAlu: b, jitFpu: c, jitAtomic: d } = core;
    this.#helpers = { e: { a, b, c, d, m: this.#memory } };
  }

  /** The core's import `jitInstall`. A module that cannot be had leaves its blocks to the interpreter. */
  install(address: number, length: number, count: number): number {
    const start = performance.now();
    // Compilers take no views of shared memory.
    const bytes = new Uint8Array(this.#memory.buffer, address, length).slice();
    let exports: WebAssembly.Exports;
    try {
      ({ exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), this.#helpers));
      while (this.#next + count > this.table.length) this.table.grow(GROWTH);
    } catch (error) {
      if (error instanceof RangeError) return 0;
      throw error;
    }
    const first = this.#next;
    for (let i = 0; i < count; i++) this.table.set(this.#next++, exports[String.fromCharCode(FIRST_NAME + i)]);
    this.statistics.regions += count;
    this.statistics.modules += 1;
    this.statistics.bytes += length;
    this.statistics.compileMs += performance.now() - start;
    return first;
  }

  /** The core's import `jitForget`: nothing installed is entered again, and V8 may free it. */
  forget(): void {
    if (this.#next === FIRST_INDEX) return;
    for (let i = FIRST_INDEX; i < this.#next; i++) this.table.set(i, null);
    this.#next = FIRST_INDEX;
    this.statistics.drops += 1;
  }
}
