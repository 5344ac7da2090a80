/**
 * One machine, from one reset to the next: a core, devices at the addresses and interrupts of QEMU's `virt`, and the
 * description of just these for the device tree. A reset builds a new one over the same memory and drives.
 */
import { randomBytes } from "node:crypto";
import type { CharBackend } from "../backends/char-backend.js";
import type { NetBackend } from "../backends/net-backend.js";
import type { VsockBackend } from "../backends/vsock-backend.js";
import type { BootPlan } from "../boot/boot-plan.js";
import type { DeviceNode, MachineDescription } from "../boot/device-tree.js";
import { HART_EXTENSIONS } from "../boot/hart-isa.js";
import type { PlatformDevice } from "../devices/device.js";
import { GoldfishRtc } from "../devices/goldfish-rtc.js";
import { Ns16550a } from "../devices/ns16550a.js";
import { Plic } from "../devices/plic.js";
import { TestFinisher } from "../devices/test-finisher.js";
import { Virtio9p } from "../devices/virtio/9p.js";
import { type BalloonStats, VirtioBalloon } from "../devices/virtio/balloon.js";
import { type DiskFailure, VirtioBlk } from "../devices/virtio/blk.js";
import { type PortOptions, VirtioConsole } from "../devices/virtio/console.js";
import { VirtioMmio, virtioIrq } from "../devices/virtio/mmio-transport.js";
import { VirtioNet } from "../devices/virtio/net.js";
import { VirtioRng } from "../devices/virtio/rng.js";
import type { VirtioCounters, VirtioDevice } from "../devices/virtio/virtio-device.js";
import { virtqueueCore } from "../devices/virtio/virtqueue-core.js";
import { VirtioVsock } from "../devices/virtio/vsock.js";
import { VmGenId } from "../devices/vmgenid.js";
import { Layout } from "../generated/layout.js";
import { Irq, MemoryMap } from "../generated/shared/memory-map.js";
import { Interrupt } from "../generated/shared/privileged.js";
import type { BitmapOperations } from "../wasm/bitmap-operations.js";
import { Core, type CoreHost, type CoreModule } from "../wasm/core.js";
import type { Drive } from "./drive.js";
import { CoreClock } from "./guest-clock.js";
import { CoreMemory } from "./guest-memory.js";
import { TICKS_PER_SECOND } from "./host-clock.js";
import { HostWalk, type HotPaths, hotPaths } from "./hot-paths.js";
import { InputQueue } from "./input-queue.js";
import type { ConsoleKind, ConsoleSize, HotPath, JitMode } from "./machine-config.js";
import { MmioBus } from "./mmio-bus.js";
import type { GuestEnd, RunnerParts, TickingDevice } from "./runner.js";
import { restoreHart, saveHart } from "./saved-hart.js";
import { CLOCK_VERSION, restoreAll, type SavedMachine, type Stateful, saveAll } from "./saved-machine.js";
import { SbiConsole } from "./sbi-console.js";
import type { Share } from "./shares.js";

export interface MachineOptions {
  readonly module: CoreModule;
  /** All zeroes. */
  readonly memory: WebAssembly.Memory;
  readonly ramBytes: number;
  readonly drives: readonly Drive[];
  readonly serial: CharBackend;
  readonly virtioConsole: CharBackend;
  readonly consoleSize: ConsoleSize | undefined;
  /** Ports besides the console. */
  readonly ports: readonly PortOptions[];
  readonly network: { readonly backend: NetBackend; readonly mac: Uint8Array } | undefined;
  readonly packedRings: boolean;
  readonly hotPath: HotPath;
  /** Pages for the balloon at boot; undefined for a machine without one. */
  readonly balloonPages: number | undefined;
  readonly onMemoryStats: (stats: BalloonStats) => void;
  readonly shares: readonly Share[];
  /** Inputs are recorded, or come from a recording. */
  readonly logged: boolean;
  readonly vsock: { readonly backend: VsockBackend; readonly cid: number } | undefined;
  readonly jit: JitMode;
  readonly wallNs: bigint;
  /** Of 16 bytes: which machine this is, of all that ever went on from the same state. */
  readonly generation: Uint8Array;
  /** A bare-metal program's failure is its exit code; an operating system's is a panic. */
  readonly bareMetal: boolean;
  readonly onDiskFailure: (drive: string, failure: DiskFailure) => void;
  /** An input was posted. */
  readonly onInput: () => void;
}

/** What the machine itself goes by in logs and recordings. */
const NAME = "machine";
/** What the network device goes by in logs and recordings. */
export const NETWORK_DEVICE = "net0";

export class Machine {
  readonly core: Core;
  readonly hart: number;
  readonly memory: CoreMemory;
  readonly inputs: InputQueue;
  /** Of the form that the option `hotPath` says. */
  readonly bitmaps: BitmapOperations;
  readonly console: VirtioConsole;
  readonly vsock: VirtioVsock | undefined;
  readonly balloon: VirtioBalloon | undefined;
  /** Set by a device when the guest ended the machine through it. */
  end: GuestEnd | undefined;
  /** The copy area of a checkpoint is full: called in the middle of what fills it. */
  onCopiesFull: (() => void) | undefined;
  readonly #bus: MmioBus;
  readonly #uart: Ns16550a;
  readonly #platform: PlatformDevice[] = [];
  readonly #virtio: VirtioDevice[] = [];
  readonly #ticking: TickingDevice[];
  readonly #vmgenid: VmGenId;
  readonly #plic: Plic;
  readonly #wallNs: bigint;
  #sbiConsole: SbiConsole | undefined;
  #pauses = 0;

  static async build(options: MachineOptions): Promise<Machine> {
    const bus = new MmioBus();
    // The core wants its host before there is a machine; it calls no one before the hart runs.
    let machine: Machine | undefined;
    let sbiConsole: SbiConsole | undefined;
    const hostWalk = new HostWalk();
    const host: CoreHost = {
      hostWalk: hostWalk.import,
      mmioLoad: (gpa, size) => bus.load(gpa, size),
      mmioStore: (gpa, size, value) => bus.store(gpa, size, value),
      consoleWrite: (address, length) => sbiConsole?.write(core.bytes.slice(address, address + length)),
      consoleRead: (address, length) => sbiConsole?.read(core.bytes.subarray(address, address + length)) ?? 0,
      copiesFull: () => machine?.onCopiesFull?.(),
    };
    const core = await Machine.#core(options, host);
    machine = new Machine(core, bus, options, await hotPaths(core, options.hotPath, hostWalk));
    sbiConsole = new SbiConsole(options.serial, machine.inputs);
    machine.#sbiConsole = sbiConsole;
    return machine;
  }

  static async #core({ module, memory, ramBytes, jit }: MachineOptions, host: CoreHost): Promise<Core> {
    if (jit === "verify") {
      const { Lockstep } = await import("./lockstep/lockstep.js");
      const { core, exports } = await Lockstep.create({
        module,
        memory,
        ramBytes,
        host,
        hot: VERIFIED_HOT,
        patience: 0,
      });
      return core.withExports(exports);
    }
    const core = await Core.instantiate(module, memory, ramBytes, host);
    core.exports.setJit(jit === "on" ? Layout.JIT.HOT : 0, JIT_PATIENCE);
    return core;
  }

  private constructor(core: Core, bus: MmioBus, options: MachineOptions, { virtqueues, bitmaps }: HotPaths) {
    this.core = core;
    this.#bus = bus;
    this.hart = core.exports.hart(0);
    this.memory = new CoreMemory(core);
    this.inputs = new InputQueue(options.onInput);
    this.#wallNs = options.wallNs;
    const clock = new CoreClock(core, this.hart, options.wallNs);
    const context = { memory: this.memory, clock, input: this.inputs };

    const plic = new Plic({
      contexts: CONTEXTS,
      onContext: (index, level) =>
        core.exports.setInterrupt(this.hart, index === 0 ? Interrupt.MEI : Interrupt.SEI, level ? 1 : 0),
    });
    this.#plic = plic;
    this.#bus.attach(plic);
    this.#bus.attach(new TestFinisher({ onFinish: (finish) => this.#onFinish(finish, options.bareMetal) }));
    const rtc = new GoldfishRtc({ name: "rtc", clock, interrupt: plic.line(Irq.RTC) });
    this.#uart = new Ns16550a({ name: "uart0", context, interrupt: plic.line(Irq.UART0), backend: options.serial });
    this.#attach(this.#uart);
    this.#attach(rtc);
    const { generation } = options;
    const identity = { name: "vmgenid0", input: this.inputs, interrupt: plic.line(Irq.VMGENID), generation };
    this.#vmgenid = new VmGenId(identity);
    this.#attach(this.#vmgenid);
    this.#ticking = [rtc, this.#uart];

    this.bitmaps = bitmaps;
    const queues = virtqueueCore(core.memory.buffer, virtqueues);
    const plug = <Device extends VirtioDevice>(device: Device): Device => {
      const slot = this.#virtio.length;
      this.#virtio.push(device);
      const interrupt = plic.line(virtioIrq(slot));
      this.#attach(new VirtioMmio({ slot, device, interrupt, core: queues, packed: options.packedRings }));
      return device;
    };
    for (const { name, backend, serial, queues } of options.drives) {
      const onFailure = (failure: DiskFailure): void => options.onDiskFailure(name, failure);
      plug(new VirtioBlk({ name, context, backend, queues, onFailure, ...(serial !== undefined && { serial }) }));
    }
    const { consoleSize: size, network, virtioConsole } = options;
    this.console = plug(
      new VirtioConsole({ name: "hvc0", context, backend: virtioConsole, ports: options.ports, ...(size && { size }) }),
    );
    plug(new VirtioRng({ name: "rng0", context, entropy: (length) => randomBytes(length) }));
    const { balloonPages: pages, onMemoryStats: onStats } = options;
    if (pages !== undefined) this.balloon = plug(new VirtioBalloon({ name: "balloon0", context, pages, onStats }));
    // Last: the guest's names of the others do not depend on whether it is there.
    if (network !== undefined) {
      const { backend, mac } = network;
      plug(new VirtioNet({ name: NETWORK_DEVICE, context, backend, mac, logged: options.logged }));
    }
    for (const [index, { tag, server }] of options.shares.entries()) {
      plug(new Virtio9p({ name: `share${index}`, context, server, tag }));
    }
    if (options.vsock !== undefined) this.vsock = plug(new VirtioVsock({ name: "vsock0", context, ...options.vsock }));
  }

  /** What there is, for the device tree and for the boot loader. */
  describe(): MachineDescription {
    return {
      ram: { base: this.memory.base, size: this.memory.size },
      timebaseFrequency: TICKS_PER_SECOND,
      harts: [{ extensions: HART_EXTENSIONS }],
      clint: { base: MemoryMap.CLINT, size: MemoryMap.CLINT_SIZE },
      plic: { base: MemoryMap.PLIC, size: MemoryMap.PLIC_SIZE, sources: PLIC_SOURCES },
      testFinisher: { base: MemoryMap.TEST_FINISHER, size: MemoryMap.PAGE_SIZE },
      devices: this.#platform.map((device): DeviceNode => {
        const { reg, ...node } = device.deviceTreeNode();
        const alias = device.base === MemoryMap.UART0 ? { alias: SERIAL_ALIAS } : {};
        return { ...node, ...alias, reg: { base: reg[0], size: reg[1] } };
      }),
      stdout: SERIAL_ALIAS,
    };
  }

  /** Puts everything where the plan wants it and the hart at its start. */
  async load(plan: BootPlan): Promise<void> {
    const { loadPlan } = await import("../boot/boot-plan.js");
    await loadPlan(plan, this.memory);
    const { pc, privilege, a0, a1, a2 } = plan.start;
    this.core.exports.resetHart(this.hart, pc, privilege, a0, a1, plan.builtinSbi ? 1 : 0);
    // OpenSBI's fw_dynamic expects its third argument; resetHart knows only of the two that every kernel takes.
    const registers = new DataView(this.core.memory.buffer, this.hart + Layout.HART.X);
    registers.setBigUint64(A2 * 8, a2, true);
  }

  /** Guest time. */
  ticks(): bigint {
    return BigInt.asUintN(64, this.core.exports.time(this.hart));
  }

  runnerParts(): Pick<RunnerParts, "core" | "hart" | "inputs" | "ticking"> {
    return { core: this.core, hart: this.hart, inputs: this.inputs, ticking: this.#ticking };
  }

  /** Resolves when no host I/O can touch guest memory any more; what it would still deliver is dropped. */
  async retire(): Promise<void> {
    await Promise.all(this.#virtio.map((device) => device.quiesce()));
    this.inputs.close();
  }

  /**
   * All but RAM. To be called between slices, when devices are frozen and `isQuiet`: then there is nothing under way that
   * would have to be saved too.
   */
  save(hostMs: number): SavedMachine {
    return {
      hart: saveHart(this.core, this.hart),
      clock: {
        version: CLOCK_VERSION,
        wallNsAtReset: this.#wallNs,
        ticks: this.ticks(),
        hostMs,
        pauses: this.#pauses,
      },
      devices: saveAll(this.#stateful()),
    };
  }

  /** In a machine that was just built, whose RAM is what it was; `wallNs` was `wallNsAtReset`. Its devices are frozen. */
  restore(saved: SavedMachine): void {
    this.#pauses = saved.clock.pauses;
    restoreAll(this.#stateful(), saved.devices);
    restoreHart(this.core, this.hart, saved.hart);
  }

  // What a checkpoint does to the machine as its guest sees it are inputs: a replay does the same.

  /** Virtio devices take no further requests, and finish those that they have. */
  freeze(): void {
    this.inputs.post(`${NAME}:freeze:${this.#pauses}`, () => {
      for (const device of this.#virtio) device.freeze();
    });
  }

  /**
   * They go on. What the hart knows of its page tables is forgotten, as in a machine that is thawed: both have to go on alike. The
   * balloon waits for `release`: it would throw away pages faster than they can be written.
   */
  thaw(): void {
    this.inputs.post(`${NAME}:thaw:${this.#pauses}`, () => {
      this.core.exports.hartRestored(this.hart);
      for (const device of this.#virtio) if (device !== this.balloon) device.thaw();
    });
  }

  /** The checkpoint is over. */
  release(): void {
    this.inputs.post(`${NAME}:release:${this.#pauses++}`, () => {
      for (const device of this.#virtio) device.thaw();
    });
  }

  /** Whether nothing is under way between the guest and the host. */
  get isQuiet(): boolean {
    return this.inputs.isEmpty && !this.#virtio.some(({ busy }) => busy);
  }

  /** The guest is another one than the one that it remembers to be. */
  changeGeneration(generation: Uint8Array): void {
    this.#vmgenid.change(generation);
  }

  /** What has happened to the virtio devices. */
  counters(): Record<string, VirtioCounters> {
    return Object.fromEntries(this.#virtio.map(({ name, counters }) => [name, { ...counters }]));
  }

  /** What was typed on a console port and has not reached the guest, in its order. */
  unreadInput(kind: ConsoleKind): Uint8Array[] {
    const device = kind === "serial" ? this.#uart : this.console;
    return [device.unreadInput(), ...this.inputs.payloads(`${device.name}:input:`)];
  }

  /** In the order in which they have to be restored: the interrupt controller after those who pull its wires. */
  #stateful(): Stateful[] {
    const sbi = this.#sbiConsole;
    if (sbi === undefined) throw new Error("the machine is not complete");
    const console = { name: "sbi", save: () => sbi.save(), restore: (state: unknown) => sbi.restore(state) };
    return [...this.#platform, console, this.#plic];
  }

  #attach(device: PlatformDevice): void {
    this.#bus.attach(device);
    this.#platform.push(device);
  }

  /** In the middle of the store that did it. */
  #onFinish(finish: { kind: "pass" } | { kind: "fail"; code: number } | { kind: "reset" }, bareMetal: boolean): void {
    if (finish.kind === "pass") this.end = { kind: "poweroff", code: 0, exact: true };
    else if (finish.kind === "reset") this.end = { kind: "reboot", exact: true };
    else this.end = { kind: bareMetal ? "poweroff" : "panic", code: finish.code, exact: true };
    this.core.exports.requestStop(this.hart);
  }
}

/** M and S mode of hart 0. */
const CONTEXTS = ["M", "S"] as const;
/** riscv,ndev: sources 1 to 95. */
const PLIC_SOURCES = 95;
/**
 * Instructions: some 20 ms of a busy guest, and most of a minute of an idle one, for which compiling never pays. Modules
 * cost the host more than what is in them, and V8 looks at each one again 5, 20, 60 and 120 seconds after it was made.
 */
const JIT_PATIENCE = 5_000_000;
/** Entries of a block before it is compiled under `--jit verify`: long before it pays, so that more of the guest's code is compared. */
const VERIFIED_HOT = 400;
const SERIAL_ALIAS = "serial0";
const A2 = 12;
