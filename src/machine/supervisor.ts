/**
 * A vkernel from its first boot to its end, on its own thread: opens drives, builds a machine, boots it, runs it, and
 * does so again each time the guest reboots.
 */
import { createHash, randomBytes } from "node:crypto";
import type { CharBackend } from "../backends/char-backend.js";
import { BALLOON_PAGE } from "../devices/virtio/balloon.js";
import type { VirtioConsole } from "../devices/virtio/console.js";
import { GENERATION_LENGTH } from "../devices/vmgenid.js";
import { VkrunError } from "../errors.js";
import { native, nativeUnavailable } from "../native.js";
import { Core, type CoreModule } from "../wasm/core.js";
import type { CheckpointResult } from "./checkpoint-request.js";
import { type CheckpointCall, Checkpointer, type Surroundings } from "./checkpointer.js";
import { ConsolePort } from "./console-port.js";
import { DiskFailures } from "./disk-failures.js";
import type { Drive } from "./drive.js";
import { closeDrives, openDrives } from "./drives.js";
import { HeapTrim } from "./heap-trim.js";
import { InputRecorder, InputReplay, type ResetEntry } from "./input-log.js";
import type { JitObserver } from "./jit-observer.js";
import { LineLog } from "./line-log.js";
import { LiveRunner } from "./live-runner.js";
import { loadObserver, type Observe } from "./load-observer.js";
import { Machine } from "./machine.js";
import type {
  ConsoleSize,
  DiskError,
  Exit,
  JitStats,
  MachineConfig,
  MemoryStats,
  Stats,
  Vmspaces,
} from "./machine-config.js";
import { MemoryControl } from "./memory-control.js";
import { type Network, openNetwork, recordedNetwork, replayNetwork } from "./network.js";
import type { EmbedderPort } from "./network-port.js";
import { conclude } from "./outcome.js";
import { PanicWatch } from "./panic-watch.js";
import { Ports } from "./ports.js";
import type { LogLevel, ThawStart } from "./protocol.js";
import { clearMemory, hashRam, residentBytes } from "./ram-contents.js";
import { ReplayInputs } from "./replay-inputs.js";
import { ReplayRunner, replayMismatch } from "./replay-runner.js";
import type { GuestEnd, Runner, RunnerParts } from "./runner.js";
import { openShares, type Share } from "./shares.js";
import { type SavedConsole, Thaw } from "./thaw.js";
import { Tohost } from "./tohost.js";
import { VmspaceSurvey } from "./vmspace-survey.js";
import { saveVmspaceRoots } from "./vmspaces.js";
import { openVsock, type Vsock } from "./vsock.js";

export interface SupervisorEvents {
  started(): void;
  console(bytes: Uint8Array): void;
  consumed(bytes: number): void;
  /** Of a stream port, from 1 on. */
  portOutput(port: number, bytes: Uint8Array): void;
  portConsumed(port: number, bytes: number): void;
  reset(count: number): void;
  jitStats(stats: JitStats): void;
  diskError(error: DiskError): void;
  log(level: LogLevel, message: string, fields?: Record<string, unknown>): void;
}

/** What outlives a reset. */
interface Durable {
  readonly memory: WebAssembly.Memory;
  readonly drives: readonly Drive[];
  readonly shares: readonly Share[];
  readonly network: Network | undefined;
  readonly vsock: Vsock | undefined;
  readonly recorder: InputRecorder | undefined;
  readonly replay: InputReplay | undefined;
}

/** What does not. */
interface Running {
  readonly machine: Machine;
  readonly runner: Runner;
  readonly checkpointer: Checkpointer;
  readonly panic: PanicWatch;
  readonly observer: JitObserver | undefined;
  /** Instructions that were retired before: by what was thawed. */
  readonly begun: bigint;
}

/** Linux takes 32 bytes from /chosen/rng-seed and starts with a seeded random number generator. */
const SEED_BYTES = 32;
const NS_PER_MS = 1_000_000n;

export interface SupervisorOptions {
  readonly config: MachineConfig;
  readonly module: CoreModule;
  readonly events: SupervisorEvents;
  /** The end of a cable that leads to the embedder. */
  readonly network?: EmbedderPort | undefined;
  /** The first machine goes on from a checkpoint instead of booting. */
  readonly thaw?: ThawStart | undefined;
}

/** How a machine begins. */
interface Beginning {
  /** Where a bare-metal program says that it has ended. */
  readonly tohost: bigint | undefined;
  /** What the guest's clock would show if it were the host's. */
  readonly ticks: bigint;
  readonly thaw?: Thaw;
}

export class Supervisor {
  readonly #config: MachineConfig;
  readonly #module: CoreModule;
  readonly #events: SupervisorEvents;
  readonly #port: ConsolePort;
  readonly #networkPort: EmbedderPort | undefined;
  readonly #sideLog: LineLog;
  readonly #memory: MemoryControl | undefined;
  readonly #diskFailures: DiskFailures;
  readonly #heap = new HeapTrim();
  #ports: Ports | undefined;
  #running: Running | undefined;
  #stopping = false;
  #paused = false;
  #resets = 0;
  /** Of the window as it is, and as the next machine is told at its start: what the last one knew, or a replay would not. */
  #windowSize: ConsoleSize | undefined;
  #bootSize: ConsoleSize | undefined;
  #observe: Observe | undefined;
  readonly #vmspaces = new VmspaceSurvey(() => this.#running?.machine);
  readonly #thawStart: ThawStart | undefined;
  #tohost: bigint | undefined;
  #recorder: InputRecorder | undefined;
  #checkpointed = false;

  constructor({ config, module, events, network, thaw }: SupervisorOptions) {
    this.#config = config;
    this.#thawStart = thaw;
    this.#module = module;
    this.#events = events;
    this.#networkPort = network;
    this.#windowSize = this.#bootSize = config.consoleSize;
    this.#port = new ConsolePort({
      send: (bytes) => {
        this.#watch(bytes);
        events.console(bytes);
      },
      consumed: (bytes) => events.consumed(bytes),
      replaying: config.replay !== undefined,
    });
    const { memoryTarget: target, ramBytes, replay } = config;
    if (target !== undefined) this.#memory = new MemoryControl({ ramBytes, target, replaying: replay !== undefined });
    this.#diskFailures = new DiskFailures((error) => {
      events.log("warn", `disk ${error.drive}: ${error.operation} failed: ${error.message}`, { ...error });
      events.diskError(error);
    });
    const port = config.console === "serial" ? "hvc0" : "uart0";
    this.#sideLog = new LineLog((line) => {
      this.#watch(Buffer.from(`${line}\n`));
      events.log("info", line, { port });
    });
  }

  // What the caller may ask at any time; each takes effect between slices.

  input(bytes: Uint8Array): void {
    // A replay's input comes from the recording alone.
    if (this.#config.replay === undefined) this.#port.push(bytes);
    else this.#events.consumed(bytes.length);
  }

  acknowledge(bytes: number): void {
    this.#port.acknowledge(bytes);
  }

  portInput(port: number, bytes: Uint8Array): void {
    if (this.#config.replay === undefined) this.#ports?.end(port)?.push(bytes);
    else this.#events.portConsumed(port, bytes.length);
  }

  portAcknowledge(port: number, bytes: number): void {
    this.#ports?.end(port)?.acknowledge(bytes);
  }

  resize(columns: number, rows: number, port = 0): void {
    if (port === 0) this.#windowSize = { columns, rows };
    if (this.#config.replay === undefined) this.#running?.machine.console.resize(columns, rows, port);
  }

  setMemoryTarget(bytes: number): void {
    this.#memory?.setTarget(bytes);
  }

  pause(): void {
    this.#paused = true;
    this.#running?.runner.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#running?.runner.resume();
  }

  async checkpoint(call: CheckpointCall): Promise<CheckpointResult> {
    if (this.#config.replay !== undefined) {
      throw new VkrunError("ERR_VKRUN_CHECKPOINT_REPLAY", "a replay cannot have a checkpoint", {
        hint: "Make one while the guest is recorded, or runs by itself.",
      });
    }
    if (this.#running === undefined) throw new VkrunError("ERR_VKRUN_ENDED", "there is no guest yet, or no more");
    const result = await this.#running.checkpointer.checkpoint(call);
    if (call.request.exit) this.#checkpointed = true;
    return result;
  }

  stop(): void {
    this.#stopping = true;
    this.#port.release();
    this.#running?.runner.stop();
  }

  async memoryStats(): Promise<MemoryStats> {
    const { ramBytes } = this.#config;
    return (await this.#memory?.stats()) ?? { bytes: ramBytes, target: ramBytes, balloon: 0, guest: {} };
  }

  memoryHash(): string | undefined {
    return this.#running === undefined ? undefined : hashRam(this.#running.machine.core.ram);
  }

  vmspaces(): Promise<Vmspaces> {
    return this.#vmspaces.measure();
  }

  stats(): Stats {
    const resets = this.#resets;
    if (this.#running === undefined) {
      return { instructions: 0n, ticks: 0n, busyMs: 0, resets, residentBytes: undefined, devices: {} };
    }
    const { machine, runner } = this.#running;
    const { core, hart } = machine;
    return {
      instructions: core.exports.icount(hart),
      ticks: BigInt.asUintN(64, core.exports.time(hart)),
      busyMs: runner.busyMs,
      resets,
      residentBytes: residentBytes(core),
      devices: machine.counters(),
    };
  }

  /** Boots and runs the guest until it, or the host, ends it. When this settles, all is written and closed. */
  async run(): Promise<Exit> {
    const { record, replay: recording, ramBytes } = this.#config;
    this.#warnWithoutAddon();
    this.#observe = await loadObserver(this.#config);
    await using ports = await Ports.open(
      this.#config.ports,
      {
        output: (port, bytes) => this.#events.portOutput(port, bytes),
        consumed: (port, bytes) => this.#events.portConsumed(port, bytes),
      },
      recording !== undefined,
    );
    this.#ports = ports;
    await using thaw = this.#thawStart && (await Thaw.open(this.#thawStart, ramBytes));
    const drives = thaw === undefined ? await openDrives(this.#config.drives) : await thaw.openDrives();
    let exit: Exit;
    let shares: Share[] = [];
    let network: Network | undefined;
    let vsock: Vsock | undefined;
    try {
      shares = await openShares(this.#config.shares, recording !== undefined);
      if (this.#config.vsock !== undefined) vsock = await openVsock(this.#config.vsock, recording !== undefined);
      using replay = recording === undefined ? undefined : new InputReplay(recording, ramBytes);
      if (replay !== undefined) thaw?.align(replay);
      network = await this.#openNetwork(replay);
      const recorded = {
        ...(network && { network: recordedNetwork(network) }),
        ...(thaw && { checkpoint: thaw.id }),
      };
      using recorder = record === undefined ? undefined : new InputRecorder(record, { ramBytes, ...recorded });
      this.#recorder = recorder;
      const memory = Core.allocate(ramBytes);
      exit = await this.#runMachines({ memory, drives, shares, vsock, network, recorder, replay }, thaw);
    } catch (error) {
      // What failed first is what there is to say.
      await closeDrives(drives).catch(() => undefined);
      throw error;
    } finally {
      await Promise.allSettled([...shares, vsock].map((backend) => backend?.[Symbol.asyncDispose]()));
      await network?.backend[Symbol.asyncDispose]();
    }
    await closeDrives(drives);
    return exit;
  }

  #openNetwork(replay: InputReplay | undefined): Promise<Network | undefined> {
    const onTrouble = ({ message, code, hint }: VkrunError): void =>
      this.#events.log("warn", message, { code, ...(hint !== undefined && { hint }) });
    const options = { config: this.#config.network, port: this.#networkPort, onTrouble };
    return replay === undefined ? openNetwork(options) : replayNetwork(replay.network, options);
  }

  async #runMachines(durable: Durable, thaw: Thaw | undefined): Promise<Exit> {
    for (let first = true; ; first = false) {
      const running = first && thaw !== undefined ? await this.#thaw(durable, thaw) : await this.#boot(durable);
      const { machine, runner, checkpointer, panic, observer, begun } = running;
      const outcome = await runner.run();
      await checkpointer.settled();
      const { core, hart } = machine;
      const instructions = core.exports.icount(hart);
      const jitStats = observer?.stats(instructions - begun, runner.busyMs, runner.idleMs);
      if (jitStats !== undefined) this.#events.jitStats(jitStats);
      observer?.[Symbol.dispose]();
      this.#port.flush();
      this.#ports?.flush();
      await machine.retire();
      const { reason, code, byGuest } = conclude(outcome, panic.panicked);
      this.#events.log("debug", `the guest left the machine: ${reason}`, { ...outcome });
      if (reason === "reboot" && !this.#config.noReboot && !this.#stopping) {
        this.#running = undefined;
        this.#bootSize = machine.console.size;
        if (durable.replay === undefined) this.#port.giveBack(machine.unreadInput(this.#config.console));
        this.#events.reset(++this.#resets);
        if (machine.memory.isMapped) native().mapAnonymous({ bytes: core.ram });
        clearMemory(new Uint8Array(durable.memory.buffer));
        continue;
      }
      durable.recorder?.end(instructions, byGuest);
      const compared = durable.recorder !== undefined || durable.replay !== undefined;
      const ended = this.#checkpointed ? "checkpointed" : reason;
      return { reason: ended, code, instructions, ...(compared && { memoryHash: hashRam(core.ram) }) };
    }
  }

  async #boot(durable: Durable): Promise<Running> {
    const { boot, console: kind } = this.#config;
    const { wallNs, seed } = this.#resetInputs(durable);
    const machine = await this.#build(durable, wallNs, createHash("sha256").update("vmgenid").update(seed).digest());
    // A guest that goes on from a checkpoint needs none of what boots one.
    const { planBoot } = await import("../boot/boot-plan.js");
    const plan = await planBoot(
      { ...boot, rngSeed: seed, ...(kind === "virtio" && { console: "hvc0" }) },
      machine.describe(),
      durable.drives[0]?.backend,
    );
    for (const line of plan.description) this.#events.log("info", line);
    for (const warning of plan.warnings) this.#events.log("warn", warning);
    await machine.load(plan);
    return this.#begin(machine, durable, { tohost: plan.tohost, ticks: 0n });
  }

  async #thaw(durable: Durable, thaw: Thaw): Promise<Running> {
    const machine = await this.#build(durable, thaw.wallNsAtReset, new Uint8Array(GENERATION_LENGTH));
    await thaw.restore(machine);
    const { waiting, ports } = thaw.console;
    if (durable.replay === undefined) {
      this.#port.giveBack(waiting);
      this.#ports?.giveBack(ports);
    }
    return this.#begin(machine, durable, { tohost: thaw.tohost, ticks: thaw.ticks(machine), thaw });
  }

  async #build(durable: Durable, wallNs: bigint, generation: Uint8Array): Promise<Machine> {
    const { boot, ramBytes } = this.#config;
    const port = (of: MachineConfig["console"]): CharBackend =>
      of === this.#config.console ? this.#port : this.#sideLog;
    const machine = await Machine.build({
      module: this.#module,
      memory: durable.memory,
      ramBytes,
      drives: durable.drives,
      serial: port("serial"),
      virtioConsole: port("virtio"),
      consoleSize: this.#bootSize,
      ports: this.#ports?.forDevice() ?? [],
      balloonPages: this.#memory?.bootPages,
      onMemoryStats: (stats) => this.#memory?.arrived(stats),
      packedRings: this.#config.packedRings,
      hotPath: this.#config.hotPath,
      shares: durable.shares,
      network: durable.network,
      logged: durable.recorder !== undefined || durable.replay !== undefined,
      vsock: durable.vsock,
      jit: this.#config.jit,
      wallNs,
      generation: generation.subarray(0, GENERATION_LENGTH),
      bareMetal: boot.elf !== undefined,
      onDiskFailure: (drive, failure) => this.#diskFailures.report(drive, failure),
      onInput: () => this.#running?.runner.notify(),
    });
    machine.core.regions.onInstalled = () => this.#heap.compiled();
    return machine;
  }

  /** A machine that is loaded runs from here on. */
  #begin(machine: Machine, durable: Durable, { tohost: tohostGpa, ticks, thaw }: Beginning): Running {
    const panic = new PanicWatch();
    const observer = this.#observe?.(machine.core);
    this.#tohost = tohostGpa;
    const tohost = tohostGpa === undefined ? undefined : Tohost.at(tohostGpa, machine.memory);
    const afterSlice = (idle: boolean): GuestEnd | undefined => {
      this.#port.flush();
      this.#ports?.flush();
      if (machine.end !== undefined) return machine.end;
      if (panic.check(idle, machine.ticks())) return { kind: "panic", code: 0, exact: false };
      return tohost?.check();
    };
    const congestion = (): Promise<void> | undefined => this.#port.stall() ?? checkpointer.congestion();
    const runner = this.#runner(machine, { ...machine.runnerParts(), afterSlice, congestion }, durable, ticks);
    const checkpointer: Checkpointer = new Checkpointer({
      ...{ machine, runner, drives: durable.drives, origin: thaw?.origin },
      vmspaces: () => this.vmspaces(),
      surroundings: () => this.#surroundings(machine),
    });
    const begun = machine.core.exports.icount(machine.hart);
    this.#running = { machine, runner, checkpointer, panic, observer, begun };
    // In a replay it is the recording that says when.
    if (durable.replay === undefined) thaw?.release(machine);
    this.#followWindow(machine.console);
    if (machine.balloon !== undefined) this.#memory?.attach(machine.balloon);
    if (this.#paused) runner.pause();
    if (this.#stopping) runner.stop();
    this.#port.deliver();
    this.#ports?.deliver();
    if (this.#resets === 0) this.#events.started();
    return this.#running;
  }

  /** What a checkpoint holds besides the machine and its disks. */
  #surroundings({ core, console, balloon }: Machine): Surroundings {
    const { record: _, replay: __, ...config } = this.#config;
    const target = balloon && config.ramBytes - balloon.target * BALLOON_PAGE;
    return {
      name: config.name,
      config: { ...config, ...(target !== undefined && { memoryTarget: target }) },
      console: {
        size: console.size,
        waiting: this.#port.waiting.map((piece) => piece.slice()),
        ports: this.#ports?.waiting() ?? {},
      } satisfies SavedConsole,
      entropy: {},
      "x-vmspace-roots": saveVmspaceRoots(core),
      ...(this.#tohost !== undefined && { "x-tohost": this.#tohost }),
      ...(this.#recorder !== undefined && { "x-log": { entries: this.#recorder.entries } }),
    };
  }

  /** The window may have changed while there was no machine. */
  #followWindow(console: VirtioConsole): void {
    const { columns, rows } = this.#windowSize ?? console.size;
    if (this.#config.replay !== undefined || (columns === console.size.columns && rows === console.size.rows)) return;
    console.resize(columns, rows);
  }

  #runner(machine: Machine, parts: RunnerParts, { network, recorder, replay }: Durable, ticks: bigint): Runner {
    if (replay === undefined) return new LiveRunner(parts, recorder, ticks);
    return new ReplayRunner(
      parts,
      replay,
      new ReplayInputs({
        console: this.#port,
        ports: this.#ports,
        network: network?.replay,
        machine,
      }),
    );
  }

  /** The inputs that a machine starts with: the host's wall clock and its entropy, or what they were once. */
  #resetInputs({ recorder, replay }: Durable): Pick<ResetEntry, "wallNs" | "seed"> {
    if (replay !== undefined) {
      const entry = replay.next();
      if (entry?.kind !== "reset") throw replayMismatch("it does not start with a reset");
      return entry;
    }
    const wallNs = BigInt(Date.now()) * NS_PER_MS;
    const seed = randomBytes(SEED_BYTES);
    recorder?.reset(wallNs, seed);
    return { wallNs, seed };
  }

  #watch(bytes: Uint8Array): void {
    this.#running?.panic.output(bytes, this.#running.machine.ticks());
  }

  #warnWithoutAddon(): void {
    const missing = nativeUnavailable();
    if (missing === undefined || this.#config.drives.length === 0) return;
    this.#events.log("warn", `${missing.message}; disk images are not locked against other programs`, {
      code: missing.code,
      hint: missing.hint,
    });
  }
}
