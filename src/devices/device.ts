/**
 * What a device sees of the world: guest memory, an interrupt line, counted time, and a way to let the
 * result of host I/O enter the machine at a counted instant. A device knows neither the machine nor other devices.
 */

/** A device's wire to the interrupt controller. Level triggered, as on QEMU's `virt`. */
export interface InterruptLine {
  set(level: boolean): void;
}

/** A window of guest-physical addresses. Registers are read and written in the middle of a guest instruction. */
export interface MmioDevice {
  /** Unique in a machine, e.g. "uart0"; names the device in the device tree, logs and checkpoints. */
  readonly name: string;
  /** First guest-physical address. */
  readonly base: number;
  /** Length of the window in bytes. */
  readonly size: number;
  /** `offset` from base, `size` 1, 2 or 4; returns an unsigned 32-bit value. Never throws on account of the guest. */
  read(offset: number, size: number): number;
  write(offset: number, size: number, value: number): void;
  /** Back to power-on state. */
  reset(): void;
}

/** A property's value: `true` is a property without one, a number is a cell of 32 bits. */
export type DeviceTreeValue = true | number | readonly number[] | string | readonly string[];

/**
 * What the device tree says of a device, apart from what only the builder of the tree knows: the unit address and the
 * cells of `reg` follow from `reg`, `interrupt-parent` and `interrupts-extended` from the interrupt controller's phandle.
 */
export interface DeviceTreeNode {
  /** Generic node name (Devicetree 0.4, 2.2.2) without unit address, e.g. "serial". */
  readonly name: string;
  readonly compatible: readonly string[];
  /** Base and size of the register window. */
  readonly reg: readonly [number, number];
  /** PLIC sources, when there are any. */
  readonly interrupts?: readonly number[];
  readonly extra?: Readonly<Record<string, DeviceTreeValue>>;
}

/** A device that finds its place in the device tree and in checkpoints. */
export interface PlatformDevice extends MmioDevice {
  deviceTreeNode(): DeviceTreeNode;
  /** All state that the guest could notice: plain objects, keyed, of numbers, strings, booleans and Uint8Arrays. */
  save(): unknown;
  /** Takes back what `save` gave, in a device built the same way. */
  restore(state: unknown): void;
}

/** A device that does something at a given guest time, not only when it is accessed. */
export interface Ticking {
  /** The guest time (ticks) at which `tick` is due, or undefined while nothing is. May lie in the past. */
  nextDeadlineTicks(): bigint | undefined;
  /** Does what is due by now; the machine calls it between slices. */
  tick(): void;
}

/** Guest RAM as the host sees it. All addresses are guest-physical (gpa). */
export interface GuestMemory {
  /** First gpa of RAM (0x8000_0000) and its length in bytes. */
  readonly base: number;
  readonly size: number;
  /**
   * A view of [gpa, gpa + length) for reading or writing. Throws RangeError outside RAM: callers have validated
   * (guest-supplied ranges are validated by the virtqueue code). After writing, call `wrote`.
   */
  view(gpa: number, length: number): Uint8Array;
  /** Tells the MMU that the host changed [gpa, gpa + length): dirty bits, cached code and reservations follow. */
  wrote(gpa: number, length: number): void;
  /**
   * The guest has no use for what is in [gpa, gpa + length): it reads as zeroes from here on, and whole pages of the host
   * in it go back to the host. Throws RangeError outside RAM; `wrote` is implied.
   */
  discard(gpa: number, length: number): void;
}

/** Guest time: counted, never the host's. */
export interface GuestClock {
  /** The `time` CSR now, in ticks of 100 ns (timebase 10 MHz). */
  ticks(): bigint;
  /** Host's wall clock at boot in ns since 1970, an input recorded with the machine, plus the guest time passed since. */
  wallNs(): bigint;
}

/**
 * The only door by which host events enter the machine ("one writer, counted time"). `apply` runs on the
 * vkernel's thread between two slices, at an instruction count that the machine records under `label`.
 * `label` names the event so that a replay can match it, e.g. "vda:17" for the 17th request of disk vda.
 * `payload` is what the event carried if it cannot be computed again from the label (console bytes, packets).
 *
 * `apply` may answer with the payload to record, where it shows only then. Or it answers false: the event has not come about
 * yet, nothing may have changed that the guest can see, and the device will post the same label again.
 */
export interface InputGate {
  post(label: string, apply: ApplyInput, payload?: Uint8Array): void;
}

export type ApplyInput = (payload?: Uint8Array) => Uint8Array | false | undefined | void;

/** What every device is built with. */
export interface DeviceContext {
  readonly memory: GuestMemory;
  readonly clock: GuestClock;
  readonly input: InputGate;
}
