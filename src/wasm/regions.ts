/**
 * Compiled guest code: wasm modules that the core writes into linear memory, each a batch of regions, and the table
 * through which it enters them.
 */
import { nameSection } from "./binary.js";
import type { CoreExports } from "./core.js";
import { enterThrough } from "./enter.js";
import { type RegionCount, RegionCounters } from "./region-counters.js";

/** Regions export one-character names from "0" on (assembly/jit/module.ts). */
const FIRST_NAME = 48;
/** Index 0 means "not compiled". */
const FIRST_INDEX = 1;
const GROWTH = 4096;
/** Names are ASCII. */
const MOST_QUEUED = 128;

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

/** What a region can be read from. */
export interface RegionModule {
  readonly bytes: Uint8Array;
  /** Which of the module's regions it is. */
  readonly position: number;
}

/** What is wanted of regions besides running them. Whatever it is costs something. */
export interface RegionObserver {
  /** What V8, and so profilers, shall call the region at a guest address. */
  readonly name: (address: bigint) => string;
  /** Whether to count entries and instructions. */
  readonly count: boolean;
}

export class Regions {
  readonly table = new WebAssembly.Table({ initial: GROWTH, element: "anyfunc" });
  readonly statistics: RegionStatistics = { regions: 0, modules: 0, bytes: 0, compileMs: 0, drops: 0 };
  /** Called after each module. */
  onInstalled: (() => void) | undefined;
  readonly #memory: WebAssembly.Memory;
  #core: CoreExports | undefined;
  #helpers: WebAssembly.Imports | undefined;
  #observer: RegionObserver | undefined;
  #counters: RegionCounters | undefined;
  #next = FIRST_INDEX;
  #kept: { first: number; count: number; bytes: Uint8Array }[] | undefined;

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
  }

  /** Has regions call the core that they belong to. */
  connect(core: CoreExports): void {
    this.#core = core;
    // In the order of Helper (assembly/jit/lower.ts).
    const helpers = [core.jitFind, core.jitAlu, core.jitFpu, enterThrough(this.table), core.jitSelect];
    const table = new WebAssembly.Table({ initial: helpers.length, element: "anyfunc" });
    for (const [index, helper] of helpers.entries()) table.set(index, helper);
    this.#helpers = { e: { t: table, m: this.#memory } };
  }

  /** To be called before anything is compiled. */
  observe(observer: RegionObserver): void {
    this.#observer = observer;
    if (!observer.count) return;
    this.#counters = new RegionCounters();
    // A region that enters the next one would count its instructions too.
    this.#core?.setJitChaining(0);
  }

  /** What was counted, if it was asked for. */
  counts(): RegionCount[] {
    return this.#counters?.read() ?? [];
  }

  /** From now on, `moduleOf` knows what is installed. */
  keepModules(): void {
    this.#kept ??= [];
  }

  /** The module of the region at a table index, while it is installed. */
  moduleOf(index: number): RegionModule | undefined {
    const found = this.#kept?.find(({ first, count }) => index >= first && index < first + count);
    return found && { bytes: found.bytes, position: index - found.first };
  }

  /** The core's import `jitInstall`. A module that cannot be had leaves its blocks to the interpreter. */
  install(address: number, length: number, count: number): number {
    const start = performance.now();
    // Compilers take no views of shared memory.
    const bytes = new Uint8Array(this.#memory.buffer, address, length).slice();
    const observed = this.#observer && this.#observe(this.#observer, count);
    let regions: unknown[];
    try {
      const module = new WebAssembly.Module(observed ? this.#named(bytes, observed.names) : bytes);
      const { exports } = new WebAssembly.Instance(module, this.#helpers);
      regions = Array.from({ length: count }, (_, i) => exports[String.fromCharCode(FIRST_NAME + i)] as unknown);
      if (observed && this.#counters) regions = this.#counters.wrap(regions, observed.addresses, observed.names);
      while (this.#next + count > this.table.length) this.table.grow(GROWTH);
    } catch (error) {
      if (error instanceof RangeError) return 0;
      throw error;
    }
    const first = this.#next;
    for (const region of regions) this.table.set(this.#next++, region);
    this.#kept?.push({ first, count, bytes });
    this.statistics.regions += count;
    this.statistics.modules += 1;
    this.statistics.bytes += length;
    this.statistics.compileMs += performance.now() - start;
    this.onInstalled?.();
    return first;
  }

  /** Where the regions that are being installed lie in the guest: they still wait in the core's queue. */
  #observe(observer: RegionObserver, count: number): { addresses: bigint[]; names: string[] } {
    const core = this.#core;
    const addresses: bigint[] = [];
    for (let i = 0; core !== undefined && addresses.length < count && i < MOST_QUEUED; i++) {
      if (core.describeQueued(i) !== 0) addresses.push(BigInt.asUintN(64, core.describeAddress(core.hart(0))));
    }
    return { addresses, names: addresses.map((address) => observer.name(address)) };
  }

  #named(module: Uint8Array, names: readonly string[]): Uint8Array {
    return Buffer.concat([module, Uint8Array.from(nameSection(0, names))]);
  }

  /** The core's import `jitForget`: nothing installed is entered again, and V8 may free it. */
  forget(): void {
    if (this.#next === FIRST_INDEX) return;
    for (let i = FIRST_INDEX; i < this.#next; i++) this.table.set(i, null);
    this.#next = FIRST_INDEX;
    if (this.#kept !== undefined) this.#kept = [];
    this.statistics.drops += 1;
  }
}
