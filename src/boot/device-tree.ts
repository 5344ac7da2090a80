/**
 * The device tree of the machine that was in fact built. Node names and bindings are those of QEMU's `virt` machine,
 * so firmware and kernels meet what they know.
 */
import { VkrunError } from "../errors.js";
import { type Fdt, FdtNode, type FdtValue } from "./fdt.js";
import { isaString } from "./hart-isa.js";

export type { FdtValue } from "./fdt.js";
export { HART_EXTENSIONS } from "./hart-isa.js";

export interface Region {
  readonly base: number;
  readonly size: number;
}

export interface DeviceNode {
  /** Generic name, without the unit address: "serial", "rtc", "virtio_mmio". */
  readonly name: string;
  readonly compatible: readonly string[];
  readonly reg: Region;
  /** Interrupt sources of the PLIC. */
  readonly interrupts?: readonly number[];
  /** Its name under /aliases: "serial0". */
  readonly alias?: string;
  readonly extra?: Readonly<Record<string, FdtValue>>;
}

export interface HartDescription {
  /** As the binding names them; `HART_EXTENSIONS` are those of vkrun's hart. */
  readonly extensions: readonly string[];
}

export interface MachineDescription {
  readonly ram: Region;
  /** Of the `time` CSR, in Hz. */
  readonly timebaseFrequency: number;
  /** Index is hart id. */
  readonly harts: readonly HartDescription[];
  readonly clint?: Region;
  /** `sources`: the highest interrupt source, riscv,ndev. */
  readonly plic?: Region & { readonly sources: number };
  readonly testFinisher?: Region;
  readonly devices: readonly DeviceNode[];
  /** Alias of the device that is the console from the first line on. */
  readonly stdout?: string;
}

/** What /chosen tells the kernel. */
export interface Chosen {
  readonly commandLine: string;
  readonly initrd?: { readonly start: number; readonly end: number };
  readonly rngSeed?: Uint8Array;
}

const CACHE_BLOCK_SIZE = 64;
const InterruptCause = { MSIP: 3, MTIP: 7, SEIP: 9, MEIP: 11 } as const;
/** What the SiFive test finisher takes to power off and to reset. */
const Finisher = { PASS: 0x5555, RESET: 0x7777 } as const;

const unit = (name: string, address: number): string => `${name}@${address.toString(16)}`;
/** Two cells of address, two of size. */
const reg = ({ base, size }: Region): number[] => [...u64(base), ...u64(size)];
const u64 = (value: number): [high: number, low: number] => [Math.floor(value / 2 ** 32), value % 2 ** 32];

export function buildDeviceTree(machine: MachineDescription, chosen: Chosen): Fdt {
  const phandles = allocatePhandles(machine);
  const root = new FdtNode("")
    .set("#address-cells", 2)
    .set("#size-cells", 2)
    .set("compatible", "riscv-virtio")
    .set("model", "riscv-virtio,vkrun");

  const aliases = aliasPaths(machine);
  if (aliases.size > 0) {
    const node = root.add("aliases");
    for (const [alias, path] of aliases) node.set(alias, path);
  }
  const chosenNode = root.add("chosen");
  if (machine.stdout !== undefined) {
    const path = aliases.get(machine.stdout);
    if (path === undefined) {
      throw new VkrunError(
        "ERR_VKRUN_MACHINE_INVALID",
        `The machine's stdout "${machine.stdout}" is no device's alias.`,
      );
    }
    chosenNode.set("stdout-path", path);
  }
  setChosen(root, chosen);

  root.add(unit("memory", machine.ram.base)).set("device_type", "memory").set("reg", reg(machine.ram));
  addCpus(root, machine, phandles);
  addSoc(root, machine, phandles);
  if (machine.testFinisher) {
    addSyscon(root, "poweroff", phandles.testFinisher, Finisher.PASS);
    addSyscon(root, "reboot", phandles.testFinisher, Finisher.RESET);
  }
  return { root, reservations: [] };
}

/** Puts the boot's parameters into any tree, the machine's own or one given with --dtb. */
export function setChosen(root: FdtNode, { commandLine, initrd, rngSeed }: Chosen): void {
  const node = root.child("chosen") ?? root.add("chosen");
  if (commandLine !== "") node.set("bootargs", commandLine);
  if (initrd) {
    node.set("linux,initrd-start", BigInt(initrd.start));
    node.set("linux,initrd-end", BigInt(initrd.end));
  }
  if (rngSeed) node.set("rng-seed", rngSeed);
}

interface Phandles {
  readonly cpuIntc: readonly number[];
  readonly plic: number;
  readonly testFinisher: number;
}

function allocatePhandles({ harts }: MachineDescription): Phandles {
  const cpuIntc = harts.map((_, index) => index + 1);
  return { cpuIntc, plic: cpuIntc.length + 1, testFinisher: cpuIntc.length + 2 };
}

function aliasPaths({ devices }: MachineDescription): Map<string, string> {
  const paths = new Map<string, string>();
  for (const { alias, name, reg: region } of devices) {
    if (alias !== undefined) paths.set(alias, `/soc/${unit(name, region.base)}`);
  }
  return paths;
}

function addCpus(root: FdtNode, { harts, timebaseFrequency }: MachineDescription, phandles: Phandles): void {
  const cpus = root
    .add("cpus")
    .set("#address-cells", 1)
    .set("#size-cells", 0)
    .set("timebase-frequency", timebaseFrequency);
  for (const [index, { extensions }] of harts.entries()) {
    const cpu = cpus
      .add(unit("cpu", index))
      .set("device_type", "cpu")
      .set("reg", index)
      .set("status", "okay")
      .set("compatible", "riscv")
      .set("riscv,isa", isaString(extensions))
      .set("riscv,isa-base", "rv64i")
      .set("riscv,isa-extensions", extensions)
      .set("mmu-type", "riscv,sv57");
    for (const extension of ["zicbom", "zicbop", "zicboz"]) {
      if (extensions.includes(extension)) cpu.set(`riscv,${extension.slice(2)}-block-size`, CACHE_BLOCK_SIZE);
    }
    cpu
      .add("interrupt-controller")
      .set("compatible", "riscv,cpu-intc")
      .set("interrupt-controller", true)
      .set("#interrupt-cells", 1)
      .set("#address-cells", 0)
      .set("phandle", phandles.cpuIntc[index] as number);
  }
}

function addSoc(root: FdtNode, machine: MachineDescription, phandles: Phandles): void {
  const soc = root
    .add("soc")
    .set("#address-cells", 2)
    .set("#size-cells", 2)
    .set("compatible", "simple-bus")
    .set("ranges", true);
  const toHarts = (...causes: number[]): number[] =>
    phandles.cpuIntc.flatMap((phandle) => causes.flatMap((cause) => [phandle, cause]));

  const { clint, plic, testFinisher } = machine;
  if (testFinisher) {
    soc
      .add(unit("test", testFinisher.base))
      .set("compatible", ["sifive,test1", "sifive,test0", "syscon"])
      .set("reg", reg(testFinisher))
      .set("phandle", phandles.testFinisher);
  }
  if (clint) {
    soc
      .add(unit("clint", clint.base))
      .set("compatible", ["sifive,clint0", "riscv,clint0"])
      .set("reg", reg(clint))
      .set("interrupts-extended", toHarts(InterruptCause.MSIP, InterruptCause.MTIP));
  }
  if (plic) {
    soc
      .add(unit("plic", plic.base))
      .set("compatible", ["sifive,plic-1.0.0", "riscv,plic0"])
      .set("reg", reg(plic))
      .set("interrupts-extended", toHarts(InterruptCause.MEIP, InterruptCause.SEIP))
      .set("interrupt-controller", true)
      .set("#interrupt-cells", 1)
      .set("#address-cells", 0)
      .set("riscv,ndev", plic.sources)
      .set("phandle", phandles.plic);
  }
  for (const device of machine.devices) addDevice(soc, device, phandles.plic);
}

function addDevice(soc: FdtNode, device: DeviceNode, plicPhandle: number): void {
  const node = soc
    .add(unit(device.name, device.reg.base))
    .set("compatible", device.compatible)
    .set("reg", reg(device.reg));
  if (device.interrupts && device.interrupts.length > 0) {
    node.set("interrupt-parent", plicPhandle).set("interrupts", device.interrupts);
  }
  for (const [name, value] of Object.entries(device.extra ?? {})) node.set(name, value);
}

function addSyscon(root: FdtNode, name: "poweroff" | "reboot", regmap: number, value: number): void {
  root.add(name).set("compatible", `syscon-${name}`).set("regmap", regmap).set("offset", 0).set("value", value);
}
