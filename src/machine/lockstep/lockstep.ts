/**
 * Verify mode: a machine whose compiled code is checked while it runs. Its core runs as ever; a second one, the
 * *twin*, interprets the same instructions. Between slices the twin gets what the host did to the machine (DMA,
 * clock, interrupts), and in the middle of instructions what devices answered and did (access-log.ts).
 *
 * Slices are run in short pieces. After each one both harts must look the same, and after some of them, and at the
 * end of the slice, all pages of RAM that either has written. What RAM and hart were then is kept: when they come to
 * differ, both are put back to there, and run again in other pieces until it is known what did it (narrow.ts).
 */
import { Layout } from "../../generated/layout.js";
import { RunExit } from "../../generated/shared/run-exit.js";
import { Core, type CoreExports, type CoreHost, type CoreModule } from "../../wasm/core.js";
import { AccessLog, AccessReader, writeRam } from "./access-log.js";
import { copyHart, type Difference, hartDifferences, sameHart } from "./hart-state.js";
import { type Disassembler, describeMismatch, loadDisassembler } from "./mismatch.js";
import { narrow } from "./narrow.js";

/** Instructions in a piece: a region is entered anew in each. */
const PIECE = 200;
/** Pieces after which RAM is compared: looking for changed pages costs more than running a piece. */
const PIECES = 500;
const PAGE = Layout.PAGE.SIZE;
/** Differences that a report goes into. */
const MOST_REPORTED = 8;
const HART = 0;

export interface LockstepOptions {
  readonly module: CoreModule;
  readonly memory: WebAssembly.Memory;
  readonly ramBytes: number;
  readonly host: CoreHost;
  /** Entries before a block is compiled, and the instructions that it may wait: see `setJit`. */
  readonly hot: number;
  readonly patience: number;
}

export class Lockstep {
  /** What the machine uses instead of the exports of its core. */
  readonly exports: CoreExports;
  readonly log: AccessLog;
  readonly hart: number;
  /** Pieces run since both were known to be the same, in order. */
  pieces: number[] = [];
  readonly #twinReader: AccessReader;
  readonly #coreReader: AccessReader;
  /** RAM and hart as they were when they were last compared. */
  readonly #lastRam: Uint8Array;
  readonly #lastHart = new Uint8Array(Layout.HART.SIZE);
  #lastAccess = 0;
  #running = false;
  #replaying = false;
  #fresh = true;

  static async create(options: LockstepOptions): Promise<Lockstep> {
    const { module, memory, ramBytes, host, hot, patience } = options;
    let lockstep: Lockstep | undefined;
    const log = new AccessLog();
    let core: Core;
    let twin: Core;
    const recording = log.recording(
      host,
      () => core,
      () => lockstep?.isRunning ?? false,
    );
    const coreReader = new AccessReader(log, () => core);
    const twinReader = new AccessReader(log, () => twin);
    const again = coreReader.host();
    const live = (): boolean => lockstep === undefined || !lockstep.isReplaying;
    core = await Core.instantiate(module, memory, ramBytes, {
      mmioLoad: (gpa, size) => (live() ? recording : again).mmioLoad(gpa, size),
      mmioStore: (gpa, size, value) => (live() ? recording : again).mmioStore(gpa, size, value),
      consoleWrite: (address, length) => (live() ? recording : again).consoleWrite(address, length),
      consoleRead: (address, length) => (live() ? recording : again).consoleRead(address, length),
      ramWrote: (offset, length) => {
        if (live()) recording.ramWrote?.(offset, length);
      },
    });
    twin = await Core.instantiate(module, Core.allocate(ramBytes), ramBytes, twinReader.host());
    core.regions.keepModules();
    core.exports.setJit(hot, patience);
    core.exports.watchRam(1);
    twin.exports.setJit(0);
    lockstep = new Lockstep(core, twin, log, coreReader, twinReader, await loadDisassembler());
    return lockstep;
  }

  private constructor(
    readonly core: Core,
    readonly twin: Core,
    log: AccessLog,
    coreReader: AccessReader,
    twinReader: AccessReader,
    readonly disassembler: Disassembler | undefined,
  ) {
    this.log = log;
    this.hart = core.exports.hart(HART);
    this.#coreReader = coreReader;
    this.#twinReader = twinReader;
    // Zeroes that nobody has touched take no memory.
    this.#lastRam = new Uint8Array(core.ramBytes);
    this.exports = {
      ...core.exports,
      ...log.noting(core.exports),
      run: (_hart, instructions) => this.#run(instructions),
      hartRestored: (hart) => {
        core.exports.hartRestored(hart);
        twin.exports.hartRestored(hart);
      },
      resetHart: (hart, ...rest) => {
        core.exports.resetHart(hart, ...rest);
        twin.exports.resetHart(hart, ...rest);
        this.#fresh = true;
      },
    };
  }

  get isRunning(): boolean {
    return this.#running;
  }

  /** The core's accesses are answered from the log, too. */
  get isReplaying(): boolean {
    return this.#replaying;
  }

  #run(instructions: number): RunExit {
    this.#takeOver();
    let left = instructions;
    for (;;) {
      const piece = Math.min(left, PIECE);
      const exit = this.#piece(piece);
      left -= piece;
      if (exit !== RunExit.Budget || left <= 0) {
        this.#settle();
        return exit;
      }
      if (this.pieces.length >= PIECES) this.#settle();
    }
  }

  #piece(instructions: number): RunExit {
    const { core, twin, hart } = this;
    this.pieces.push(instructions);
    this.#running = true;
    let exit: RunExit;
    try {
      exit = core.exports.run(hart, instructions);
    } finally {
      this.#running = false;
    }
    const expected = twin.exports.run(hart, instructions);
    if (exit !== expected || !this.#sameSoFar()) this.#fail();
    return exit;
  }

  #sameSoFar(): boolean {
    const { difference, position } = this.#twinReader;
    if (difference !== undefined || position !== this.log.entries.length) return false;
    return sameHart(this.twin.words, this.core.words, this.hart);
  }

  /** What the host did to the machine since the last slice happens to the twin. */
  #takeOver(): void {
    const { core, twin, hart } = this;
    if (this.#fresh) this.#copyRam();
    for (const { offset, bytes } of this.log.takeHostWrites()) {
      writeRam(twin, offset, bytes);
      this.#lastRam.set(bytes, offset);
    }
    copyHart(core.bytes, hart, twin.bytes, hart);
    copyHart(core.bytes, hart, this.#lastHart, 0);
  }

  /** A machine that was just loaded: most of its RAM was never touched, and stays so in the copies. */
  #copyRam(): void {
    this.#fresh = false;
    this.log.takeHostWrites();
    const { core, twin } = this;
    for (let offset = 0; offset < core.ramBytes; offset += PAGE) {
      const page = core.ram.subarray(offset, offset + PAGE);
      if (Buffer.compare(page, twin.ram.subarray(offset, offset + PAGE)) !== 0) writeRam(twin, offset, page);
      if (Buffer.compare(page, this.#lastRam.subarray(offset, offset + PAGE)) !== 0) this.#lastRam.set(page, offset);
    }
    core.exports.clearDirty();
    twin.exports.clearDirty();
  }

  /** Compares RAM, and remembers how things are now. */
  #settle(): void {
    if (this.ramDifference() !== undefined) this.#fail();
    this.remember();
    this.log.clear();
    this.#lastAccess = 0;
    this.#twinReader.rewind(0);
  }

  // For narrow.ts: going back to where both were the same, and running again from there

  /** Makes this instant the one that `goBack` goes back to. */
  remember(): void {
    const { core, twin } = this;
    this.#forDirtyPages((offset) => this.#lastRam.set(core.ram.subarray(offset, offset + PAGE), offset));
    copyHart(core.bytes, this.hart, this.#lastHart, 0);
    this.#lastAccess = this.#twinReader.position;
    this.pieces = [];
    core.exports.clearDirty();
    twin.exports.clearDirty();
  }

  goBack(): void {
    this.#replaying = true;
    for (const core of [this.core, this.twin]) {
      this.#forDirtyPages((offset) => {
        const page = this.#lastRam.subarray(offset, offset + PAGE);
        if (Buffer.compare(page, core.ram.subarray(offset, offset + PAGE)) !== 0) writeRam(core, offset, page);
      });
      copyHart(this.#lastHart, 0, core.bytes, this.hart);
      core.exports.hartRestored(this.hart);
    }
    this.#coreReader.rewind(this.#lastAccess);
    this.#twinReader.rewind(this.#lastAccess);
  }

  /** Runs both, with the devices' answers from the log; the first difference then, or undefined. */
  runAgain(instructions: number): Difference | string | undefined {
    const { core, twin, hart } = this;
    const exit = core.exports.run(hart, instructions);
    const expected = twin.exports.run(hart, instructions);
    if (exit !== expected) return `run(${instructions}) ended with ${exit} compiled, ${expected} interpreted`;
    return this.differences()[0];
  }

  differences(): (Difference | string)[] {
    const { core, twin, hart } = this;
    const found: (Difference | string)[] = hartDifferences(twin.view, core.view, hart, MOST_REPORTED);
    for (const { difference } of [this.#twinReader, this.#coreReader]) {
      if (difference !== undefined) found.push(`device accesses: ${difference}`);
    }
    if (this.#twinReader.position < (this.#replaying ? this.#coreReader.position : this.log.entries.length)) {
      found.push("a device access that only compiled code makes");
    }
    const inRam = this.ramDifference();
    if (inRam !== undefined) found.push(inRam);
    return found;
  }

  /** The first byte in which pages differ that either has written. */
  ramDifference(): Difference | undefined {
    const { core, twin } = this;
    let found: Difference | undefined;
    this.#forDirtyPages((offset) => {
      if (found !== undefined) return;
      const got = core.ram.subarray(offset, offset + PAGE);
      const expected = twin.ram.subarray(offset, offset + PAGE);
      if (Buffer.compare(got, expected) === 0) return;
      const at = offset + (got.findIndex((byte, index) => byte !== expected[index]) & ~7);
      found = {
        what: `memory at 0x${(Layout.RAM.BASE + at).toString(16)}`,
        expected: twin.view.getBigUint64(Layout.RAM.OFFSET + at, true),
        got: core.view.getBigUint64(Layout.RAM.OFFSET + at, true),
      };
    });
    return found;
  }

  /** Pages of RAM that either core has written since `remember`, as offsets. */
  #forDirtyPages(visit: (offset: number) => void): void {
    const [a, b] = [this.core.words, this.twin.words];
    const first = Layout.DIRTY.BITMAP / 4;
    const count = Math.ceil(this.core.ramBytes / PAGE / 32);
    for (let index = 0; index < count; index++) {
      let bits = (a[first + index] ?? 0) | (b[first + index] ?? 0);
      for (; bits !== 0; bits &= bits - 1) visit((index * 32 + 31 - Math.clz32(bits & -bits)) * PAGE);
    }
  }

  // For mismatch.ts: what stands where the core is

  pc(core: Core): bigint {
    return core.view.getBigUint64(this.hart + Layout.HART.PC, true);
  }

  /** The table index of the region that the core would enter now, or 0. */
  readonly regionHere = (): number => {
    const { exports } = this.core;
    const block = exports.describeBlock(this.hart);
    return block === 0 ? 0 : exports.describeCompiled(block);
  };

  /** The blocks of that region. */
  readonly regionBlocks = (): number[] => {
    const { exports } = this.core;
    if (exports.describeBlock(this.hart) === 0) return [];
    return Array.from({ length: exports.describeRegion() }, (_, index) => exports.describeRegionBlock(index));
  };

  #fail(): never {
    throw describeMismatch(this, narrow(this, this.differences()));
  }
}
