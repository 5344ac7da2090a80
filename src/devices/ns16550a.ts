// ns16550a: the UART of QEMU's `virt`, with its FIFOs (National Semiconductor PC16550D data sheet, chapter 8).
//
// Characters take no time on the wire: what is transmitted is gone at once (or when the backend can take more), and waiting
// input moves into the receive FIFO as it gets room, so there are no overruns. The divisor only sets how long the
// receiver waits for a full FIFO before it reports a few characters. Parity, framing and break errors do not occur.
//
// The other end keeps its input until the guest shows that it wants it: by RTS, by enabling the receive interrupt, or
// by polling LSR again and again. What a driver throws away when it sets its FIFOs up has thus not been sent yet. So
// input that is piped in before there is a driver reaches it whole.

import type { CharBackend } from "../backends/char-backend.js";
import { CharPort, type CharPortState } from "./char-port.js";
import type { DeviceContext, DeviceTreeNode, InterruptLine, PlatformDevice, Ticking } from "./device.js";

/** Register offsets; 0 and 1 are the divisor while LCR.DLAB is set. */
const enum Register {
  RBR_THR_DLL = 0,
  IER_DLM = 1,
  IIR_FCR = 2,
  LCR = 3,
  MCR = 4,
  LSR = 5,
  MSR = 6,
  SCR = 7,
}

const enum Ier {
  RDA = 0x01,
  THRE = 0x02,
  LINE_STATUS = 0x04,
  MODEM_STATUS = 0x08,
  MASK = 0x0f,
}

/** Interrupt identification, most urgent first (table 5 of the data sheet). */
const enum Iir {
  LINE_STATUS = 0x06,
  RDA = 0x04,
  TIMEOUT = 0x0c,
  THRE = 0x02,
  MODEM_STATUS = 0x00,
  NONE = 0x01,
  FIFO_ENABLED = 0xc0,
}

const enum Fcr {
  ENABLE = 0x01,
  CLEAR_RECEIVE = 0x02,
  CLEAR_TRANSMIT = 0x04,
  TRIGGER_SHIFT = 6,
}

const enum Lsr {
  DR = 0x01,
  OE = 0x02,
  THRE = 0x20,
  TEMT = 0x40,
}

const enum Mcr {
  DTR = 0x01,
  RTS = 0x02,
  OUT1 = 0x04,
  OUT2 = 0x08,
  LOOP = 0x10,
  MASK = 0x1f,
}

/** Lower half: what changed since MSR was last read. */
const enum Msr {
  DCTS = 0x01,
  DDSR = 0x02,
  TERI = 0x04,
  DDCD = 0x08,
  CTS = 0x10,
  DSR = 0x20,
  RI = 0x40,
  DCD = 0x80,
  LINES = 0xf0,
}

const LCR_DLAB = 0x80;
const FIFO_SIZE = 16;
const TRIGGER_LEVELS: readonly number[] = [1, 4, 8, 14];

/** The clock that the divisor divides (QEMU's), 16 times the baud rate; told to the guest in the device tree. */
const CLOCK_HZ = 3_686_400;
const TICKS_PER_SECOND = 10_000_000;
/** A receive timeout is four characters of ten bits. */
const TIMEOUT_TICKS_PER_DIVISOR = (4 * 10 * 16 * TICKS_PER_SECOND) / CLOCK_HZ;

export interface Ns16550aOptions {
  readonly name: string;
  readonly context: DeviceContext;
  readonly interrupt: InterruptLine;
  readonly backend: CharBackend;
  readonly base?: number;
  readonly source?: number;
}

interface SavedUart {
  registers: Registers;
  receive: number[];
  transmit: number[];
  timeoutAt: string | undefined;
  timedOut: boolean;
  thrEmpty: boolean;
  overrun: boolean;
  msrDelta: number;
  polls: number;
  looped: boolean;
  serials: Record<string, number>;
  port: CharPortState;
}

interface Registers {
  divisor: number;
  ier: number;
  fcr: number;
  lcr: number;
  mcr: number;
  scr: number;
}

const POWER_ON: Registers = { divisor: 12, ier: 0, fcr: 0, lcr: 0, mcr: Mcr.OUT2, scr: 0 };

/** Reads of LSR, without transmitting in between, that make a polling reader. Probing drivers do with a few. */
const POLLS = 64;

export class Ns16550a implements PlatformDevice, Ticking {
  readonly name: string;
  readonly base: number;
  readonly size = 0x100;

  readonly #context: DeviceContext;
  readonly #interrupt: InterruptLine;
  readonly #source: number;
  readonly #port: CharPort;
  #serials: Record<string, number> = {};

  #registers: Registers = { ...POWER_ON };
  #receive: number[] = [];
  /** Characters that the backend could not take yet. */
  #transmit: number[] = [];
  /** When characters below the trigger level will be reported all the same. */
  #timeoutAt: bigint | undefined;
  #timedOut = false;
  /** The "transmitter empty" interrupt: pending from becoming empty until IIR reported it or THR was written. */
  #thrEmpty = false;
  #overrun = false;
  #msrDelta = 0;
  /** Reads of LSR since something was transmitted, up to POLLS, where it stays. */
  #polls = 0;
  /** What is in the receive FIFO came from the transmitter, not from outside. */
  #looped = false;

  constructor({ name, context, interrupt, backend, base = 0x1000_0000, source = 10 }: Ns16550aOptions) {
    this.name = name;
    this.base = base;
    this.#context = context;
    this.#interrupt = interrupt;
    this.#source = source;
    this.#port = new CharPort({
      backend,
      input: context.input,
      label: (kind) => this.#label(kind),
      onInput: () => this.#fill(),
      onUnblocked: () => this.#transmitWaiting(),
    });
  }

  deviceTreeNode(): DeviceTreeNode {
    return {
      name: "serial",
      compatible: ["ns16550a"],
      reg: [this.base, this.size],
      interrupts: [this.#source],
      extra: { "clock-frequency": CLOCK_HZ },
    };
  }

  read(offset: number, _size: number): number {
    const registers = this.#registers;
    const dlab = (registers.lcr & LCR_DLAB) !== 0;
    switch (offset) {
      case Register.RBR_THR_DLL:
        return dlab ? registers.divisor & 0xff : this.#readByte();
      case Register.IER_DLM:
        return dlab ? registers.divisor >> 8 : registers.ier;
      case Register.IIR_FCR: {
        const source = this.#pendingInterrupt();
        if (source === Iir.THRE) {
          this.#thrEmpty = false;
          this.#updateLine();
        }
        return this.#fifoEnabled ? source | Iir.FIFO_ENABLED : source;
      }
      case Register.LCR:
        return registers.lcr;
      case Register.MCR:
        return registers.mcr;
      case Register.LSR: {
        if (this.#polls < POLLS && ++this.#polls === POLLS) this.#fill();
        const status = this.#lineStatus();
        this.#overrun = false;
        this.#updateLine();
        return status;
      }
      case Register.MSR: {
        const status = this.#modemLines() | this.#msrDelta;
        this.#msrDelta = 0;
        this.#updateLine();
        return status;
      }
      case Register.SCR:
        return registers.scr;
      default:
        return 0;
    }
  }

  write(offset: number, _size: number, wide: number): void {
    const value = wide & 0xff;
    const registers = this.#registers;
    const dlab = (registers.lcr & LCR_DLAB) !== 0;
    switch (offset) {
      case Register.RBR_THR_DLL:
        if (dlab) registers.divisor = (registers.divisor & 0xff00) | value;
        else this.#writeByte(value);
        return;
      case Register.IER_DLM:
        if (dlab) registers.divisor = (registers.divisor & 0xff) | (value << 8);
        else this.#writeIer(value);
        return;
      case Register.IIR_FCR:
        this.#writeFcr(value);
        return;
      case Register.LCR:
        registers.lcr = value;
        return;
      case Register.MCR:
        this.#writeMcr(value);
        return;
      case Register.SCR:
        registers.scr = value;
        return;
    }
  }

  nextDeadlineTicks(): bigint | undefined {
    return this.#timeoutAt;
  }

  tick(): void {
    if (this.#timeoutAt === undefined || this.#context.clock.ticks() < this.#timeoutAt) return;
    this.#timeoutAt = undefined;
    this.#timedOut = true;
    this.#updateLine();
  }

  reset(): void {
    this.#returnReceived();
    this.#registers = { ...POWER_ON };
    this.#polls = 0;
    this.#transmit = [];
    this.#timeoutAt = undefined;
    this.#timedOut = false;
    this.#thrEmpty = false;
    this.#overrun = false;
    this.#msrDelta = 0;
    this.#fill();
  }

  /** What was typed and has not reached the guest: a machine that is built anew hands it on. */
  unreadInput(): Uint8Array {
    return Uint8Array.from([...(this.#looped ? [] : this.#receive), ...this.#port.save().waiting]);
  }

  save(): SavedUart {
    return {
      registers: { ...this.#registers },
      receive: [...this.#receive],
      transmit: [...this.#transmit],
      timeoutAt: this.#timeoutAt?.toString(),
      timedOut: this.#timedOut,
      thrEmpty: this.#thrEmpty,
      overrun: this.#overrun,
      msrDelta: this.#msrDelta,
      polls: this.#polls,
      looped: this.#looped,
      serials: { ...this.#serials },
      port: this.#port.save(),
    };
  }

  restore(state: unknown): void {
    const saved = state as SavedUart;
    this.#registers = { ...saved.registers };
    this.#receive = [...saved.receive];
    this.#transmit = [...saved.transmit];
    this.#timeoutAt = saved.timeoutAt === undefined ? undefined : BigInt(saved.timeoutAt);
    this.#timedOut = saved.timedOut;
    this.#thrEmpty = saved.thrEmpty;
    this.#overrun = saved.overrun;
    this.#msrDelta = saved.msrDelta;
    this.#polls = saved.polls;
    this.#looped = saved.looped;
    this.#serials = { ...saved.serials };
    this.#port.restore(saved.port);
    if (this.#transmit.length > 0) this.#context.input.post(this.#label("continue"), () => this.#transmitWaiting());
    this.#updateLine();
  }

  get #fifoEnabled(): boolean {
    return (this.#registers.fcr & Fcr.ENABLE) !== 0;
  }

  get #loopback(): boolean {
    return (this.#registers.mcr & Mcr.LOOP) !== 0;
  }

  get #capacity(): number {
    return this.#fifoEnabled ? FIFO_SIZE : 1;
  }

  #label(kind: string): string {
    const prefix = `${this.name}:${kind}`;
    const serial = this.#serials[prefix] ?? 0;
    this.#serials[prefix] = serial + 1;
    return `${prefix}:${serial}`;
  }

  #readByte(): number {
    const byte = this.#receive.shift() ?? 0;
    this.#timedOut = false;
    this.#armTimeout();
    this.#fill();
    return byte;
  }

  #writeByte(value: number): void {
    this.#thrEmpty = false;
    if (this.#polls < POLLS) this.#polls = 0;
    if (this.#loopback) {
      if (this.#receive.length < this.#capacity) {
        this.#receive.push(value);
        this.#looped = true;
        this.#armTimeout();
      } else this.#overrun = true;
      this.#thrEmpty = true;
    } else if (this.#port.blocked) {
      // LSR has told the driver that there is no room; what it writes beyond that is lost, as on the wire.
      if (this.#transmit.length < this.#capacity) this.#transmit.push(value);
    } else {
      this.#port.write(Uint8Array.of(value));
      this.#thrEmpty = true;
    }
    this.#updateLine();
  }

  #writeIer(value: number): void {
    const enabled = value & ~this.#registers.ier;
    this.#registers.ier = value & Ier.MASK;
    // Enabling the interrupt while the transmitter is empty raises it at once; drivers count on that.
    if ((enabled & Ier.THRE) !== 0 && this.#transmit.length === 0) this.#thrEmpty = true;
    this.#fill();
  }

  #writeFcr(value: number): void {
    const toggled = ((value ^ this.#registers.fcr) & Fcr.ENABLE) !== 0;
    // Without ENABLE the other bits do not take.
    this.#registers.fcr = (value & Fcr.ENABLE) !== 0 ? value : 0;
    if (toggled || (value & Fcr.CLEAR_RECEIVE) !== 0) {
      this.#returnReceived();
      this.#timedOut = false;
      this.#armTimeout();
    }
    if (toggled || (value & Fcr.CLEAR_TRANSMIT) !== 0) {
      if (this.#transmit.length > 0) this.#thrEmpty = true;
      this.#transmit = [];
    }
    this.#fill();
  }

  #writeMcr(value: number): void {
    const before = this.#modemLines();
    this.#registers.mcr = value & Mcr.MASK;
    const after = this.#modemLines();
    const changed = before ^ after;
    this.#msrDelta |=
      ((changed & Msr.CTS) !== 0 ? Msr.DCTS : 0) |
      ((changed & Msr.DSR) !== 0 ? Msr.DDSR : 0) |
      ((changed & before & Msr.RI) !== 0 ? Msr.TERI : 0) |
      ((changed & Msr.DCD) !== 0 ? Msr.DDCD : 0);
    this.#fill();
  }

  /** The other end is always there: CTS, DSR and DCD; in loopback they are the modem control outputs (8.7). */
  #modemLines(): number {
    const { mcr } = this.#registers;
    if ((mcr & Mcr.LOOP) === 0) return Msr.CTS | Msr.DSR | Msr.DCD;
    return (
      ((mcr & Mcr.RTS) !== 0 ? Msr.CTS : 0) |
      ((mcr & Mcr.DTR) !== 0 ? Msr.DSR : 0) |
      ((mcr & Mcr.OUT1) !== 0 ? Msr.RI : 0) |
      ((mcr & Mcr.OUT2) !== 0 ? Msr.DCD : 0)
    );
  }

  #lineStatus(): number {
    return (
      (this.#receive.length > 0 ? Lsr.DR : 0) |
      (this.#overrun ? Lsr.OE : 0) |
      (this.#transmit.length === 0 ? Lsr.THRE | Lsr.TEMT : 0)
    );
  }

  /** Whether there is a driver that wants input: see above. */
  get #listening(): boolean {
    const { ier, mcr } = this.#registers;
    return (mcr & Mcr.RTS) !== 0 || (ier & Ier.RDA) !== 0 || this.#polls === POLLS;
  }

  /** The FIFO is cleared: what the other end had sent goes back to it, see above. */
  #returnReceived(): void {
    const received = Uint8Array.from(this.#receive);
    this.#receive = [];
    if (!this.#looped) this.#port.unread(received);
    this.#looped = false;
  }

  /** Lets waiting input into the FIFO. In loopback the receiver is cut off from the line. */
  #fill(): void {
    if (this.#receive.length === 0) this.#looped = false;
    const room =
      this.#loopback || !this.#listening ? 0 : Math.min(this.#capacity - this.#receive.length, this.#port.available);
    if (room > 0) {
      const bytes = new Uint8Array(room);
      this.#port.read(bytes);
      this.#receive.push(...bytes);
      this.#armTimeout();
    }
    this.#updateLine();
  }

  /** Four character times without the FIFO being read or filled (8.5.1). */
  #armTimeout(): void {
    const waiting = this.#fifoEnabled && this.#receive.length > 0;
    const ticks = BigInt(Math.ceil(TIMEOUT_TICKS_PER_DIVISOR * Math.max(this.#registers.divisor, 1)));
    this.#timeoutAt = waiting ? this.#context.clock.ticks() + ticks : undefined;
  }

  #transmitWaiting(): void {
    if (this.#transmit.length > 0) {
      this.#port.write(Uint8Array.from(this.#transmit));
      this.#transmit = [];
      this.#thrEmpty = true;
    }
    this.#updateLine();
  }

  #pendingInterrupt(): Iir {
    const { ier, fcr } = this.#registers;
    if ((ier & Ier.LINE_STATUS) !== 0 && this.#overrun) return Iir.LINE_STATUS;
    if ((ier & Ier.RDA) !== 0) {
      const trigger = this.#fifoEnabled ? (TRIGGER_LEVELS[fcr >> Fcr.TRIGGER_SHIFT] ?? 1) : 1;
      if (this.#receive.length >= trigger) return Iir.RDA;
      if (this.#timedOut && this.#receive.length > 0) return Iir.TIMEOUT;
    }
    if ((ier & Ier.THRE) !== 0 && this.#thrEmpty) return Iir.THRE;
    if ((ier & Ier.MODEM_STATUS) !== 0 && this.#msrDelta !== 0) return Iir.MODEM_STATUS;
    return Iir.NONE;
  }

  #updateLine(): void {
    this.#interrupt.set(this.#pendingInterrupt() !== Iir.NONE);
  }
}
