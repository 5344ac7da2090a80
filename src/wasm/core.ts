/**
 * The machine's core: the wasm module compiled from assembly/, one instance a vkernel, over a memory of its own.
 * Only this folder touches `WebAssembly`. Addresses of harts and of everything else are offsets in that memory.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { VkrunError } from "../errors.js";
import { Layout } from "../generated/layout.js";
import type { BitmapOperations } from "./bitmap-operations.js";
import { enableBranchHints } from "./branch-hints.js";
import { checkLayout } from "./core-layout.js";
import { hasFusedMultiplyAdd } from "./fused-multiply-add.js";
import { Regions } from "./regions.js";
import type { VmspaceOperations } from "./vmspace-operations.js";

/** What the core asks of its host, in the middle of a guest instruction. See assembly/host.ts. */
export interface CoreHost {
  mmioLoad(gpa: number, size: number): number;
  mmioStore(gpa: number, size: number, value: number): void;
  /** SBI debug console: `length` bytes at linear address `address`. */
  consoleWrite(address: number, length: number): void;
  /** Fills at most `length` bytes at `address`; answers how many. */
  consoleRead(address: number, length: number): number;
  /** Something else than a store of a hart wrote [offset, offset + length) of RAM. Only after `watchRam(1)`. */
  ramWrote?(offset: number, length: number): void;
  /** The copy area of a checkpoint is full: it has to be emptied. */
  copiesFull?(): void;
  /** Makes a walk of the hart. Only after `setHostWalk(1)`; see assembly/host.ts. */
  hostWalk?(hart: number, vaLow: number, vaHigh: number, access: number, privilege: number): number;
}

/** What the core offers. 64-bit integers are BigInt, as wasm has it. See assembly/index.ts. */
export interface CoreExports extends WebAssembly.Exports, BitmapOperations, VmspaceOperations {
  init(ramBytes: number): void;
  hart(index: number): number;
  resetHart(hart: number, pc: bigint, privilege: number, a0: bigint, a1: bigint, sbi: number): void;
  run(hart: number, instructions: number): number;
  requestStop(hart: number): void;
  icount(hart: number): bigint;
  setClock(hart: number, time: bigint, rate: number): void;
  time(hart: number): bigint;
  nextTimer(hart: number): bigint;
  setInterrupt(hart: number, cause: number, level: number): void;
  ramWritten(gpa: bigint, length: number): void;
  /** Compile blocks that are entered so many times, up to `patience` instructions later; 0: interpret everything. */
  setJit(hot: number, patience?: number): void;
  /** 1 (as it is): compiled regions enter each other directly; 0: each comes back first. For what is compiled from now on. */
  setJitChaining(on: number): void;
  /** As ramWritten, for bytes of RAM that the caller knows to be there. */
  ramWroteAt(offset: number, length: number): void;
  /** Translates what lies at `batch`: see assembly/index.ts. */
  walkBatch(hart: number, batch: number, count: number, access: number, privilege: number): void;
  /** Whether the host makes the hart's walks (`CoreHost.hostWalk`). */
  setHostWalk(hosted: number): void;
  clearDirty(): void;
  ramWriting(gpa: bigint, length: number): void;
  /** Answers the pages of the checkpoint that begins. See assembly/mmu/checkpoint.ts. */
  checkpointBegin(incremental: number): number;
  checkpointEnd(): void;
  hartRestored(hart: number): void;
  watchRam(watched: number): void;
  describeBlock(hart: number): number;
  describeRegion(): number;
  describeRegionBlock(index: number): number;
  describeCompiled(block: number): number;
  describeLength(block: number): number;
  describeOp(block: number, index: number): number;
  describeOffset(block: number, index: number): number;
  describeNext(block: number, index: number): number;
  describePage(): number;
  describeQueued(index: number): number;
  describeAddress(hart: number): bigint;
  /** Whether compiled code may use relaxed SIMD's multiply-add, because it rounds once. */
  setFused(fused: number): void;
  jitFind(hart: number, va: bigint, size: number, access: number): number;
  jitSelect(hart: number): number;
  jitAlu(code: number, rs1: bigint, rs2: bigint, imm: bigint): bigint;
  jitFpu(code: number, a: bigint, b: bigint, c: bigint, rm: number): bigint;
}

const PAGE_BYTES = 0x1_0000;

/** From src/wasm/core.ts as from dist/wasm/core.js. */
export const CORE_PATH = fileURLToPath(new URL("../../build/vkrun.wasm", import.meta.url));

let compiling: Promise<WebAssembly.Module> | undefined;

export type CoreModule = WebAssembly.Module;

export class Core {
  readonly exports: CoreExports;
  /** All of linear memory, in three views. */
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly view: DataView;
  /** Guest RAM: its first byte is gpa 0x8000_0000. */
  readonly ram: Uint8Array;

  private constructor(
    readonly memory: WebAssembly.Memory,
    readonly ramBytes: number,
    exports: CoreExports,
    readonly regions: Regions,
  ) {
    this.exports = exports;
    this.bytes = new Uint8Array(memory.buffer);
    this.words = new Int32Array(memory.buffer);
    this.view = new DataView(memory.buffer);
    this.ram = this.bytes.subarray(Layout.RAM.OFFSET, Layout.RAM.OFFSET + ramBytes);
  }

  /** The same core, as it is to be used by those who go through `exports`. */
  withExports(exports: CoreExports): Core {
    return new Core(this.memory, this.ramBytes, exports, this.regions);
  }

  /** Compiles the module, once a process: the result can be posted to workers, which then share its machine code. */
  static load(): Promise<CoreModule> {
    compiling ??= Core.#compile().catch((error: unknown) => {
      compiling = undefined;
      throw error;
    });
    return compiling;
  }

  static async #compile(): Promise<CoreModule> {
    try {
      return await WebAssembly.compile(await readFile(CORE_PATH));
    } catch (cause) {
      throw new VkrunError("ERR_VKRUN_CORE_MISSING", `the machine's core ${CORE_PATH} cannot be loaded`, {
        hint: "Reinstall vkrun, or run `./build.sh build` in a checkout.",
        cause,
      });
    }
  }

  /** A memory for a guest of `ramBytes` (a multiple of 64 KiB), zeroed, none of it resident yet. */
  static allocate(ramBytes: number): WebAssembly.Memory {
    const pages = Math.ceil((Layout.RAM.OFFSET + ramBytes) / PAGE_BYTES);
    try {
      return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    } catch (cause) {
      const mebibytes = Math.round(ramBytes / 0x10_0000);
      throw new VkrunError(
        "ERR_VKRUN_MEMORY_UNAVAILABLE",
        `the host has no room for ${mebibytes} MiB of guest memory`,
        {
          hint: "Ask for less memory (-m), or raise the limit on address space (`ulimit -v`, cgroup limits).",
          cause,
        },
      );
    }
  }

  /**
   * A new instance over `memory`, which must be all zeroes. The instance, and not only the memory, is what a
   * reset renews: module variables start over too.
   */
  static async instantiate(
    module: CoreModule,
    memory: WebAssembly.Memory,
    ramBytes: number,
    host: CoreHost,
  ): Promise<Core> {
    enableBranchHints();
    const regions = new Regions(memory);
    const imports = {
      env: {
        memory,
        mmioLoad: host.mmioLoad,
        mmioStore: host.mmioStore,
        consoleWrite: host.consoleWrite,
        consoleRead: host.consoleRead,
        ramWrote: host.ramWrote ?? (() => undefined),
        copiesFull: host.copiesFull ?? (() => undefined),
        hostWalk: host.hostWalk ?? (() => 0),
        table: regions.table,
        jitInstall: (address: number, length: number, count: number) => regions.install(address, length, count),
        jitForget: () => regions.forget(),
      },
    };
    const instance = await WebAssembly.instantiate(module, imports);
    checkLayout(instance.exports);
    const core = new Core(memory, ramBytes, instance.exports as CoreExports, regions);
    regions.connect(core.exports);
    core.exports.init(ramBytes);
    core.exports.setFused(hasFusedMultiplyAdd() ? 1 : 0);
    return core;
  }
}
