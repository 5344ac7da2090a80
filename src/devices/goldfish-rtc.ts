// The goldfish real-time clock, as on QEMU's `virt`: nanoseconds since 1970 in two halves, and an alarm.
// Time is the machine's counted wall clock, plus what the guest has set it ahead or back.

import type { DeviceTreeNode, GuestClock, InterruptLine, PlatformDevice, Ticking } from "./device.js";

/** Register offsets (Linux: include/clocksource/timer-goldfish.h names them so). */
const enum Register {
  TIME_LOW = 0x00,
  TIME_HIGH = 0x04,
  ALARM_LOW = 0x08,
  ALARM_HIGH = 0x0c,
  IRQ_ENABLED = 0x10,
  CLEAR_ALARM = 0x14,
  ALARM_STATUS = 0x18,
  CLEAR_INTERRUPT = 0x1c,
}

const LOW = 0xffff_ffffn;
const NS_PER_TICK = 100n;

export interface GoldfishRtcOptions {
  readonly name: string;
  readonly clock: GuestClock;
  readonly interrupt: InterruptLine;
  readonly base?: number;
  readonly source?: number;
}

interface SavedRtc {
  offsetNs: string;
  timeHigh: number;
  alarmNs: string;
  alarmRunning: boolean;
  irqEnabled: boolean;
  irqPending: boolean;
}

export class GoldfishRtc implements PlatformDevice, Ticking {
  readonly name: string;
  readonly base: number;
  readonly size = 0x1000;

  readonly #clock: GuestClock;
  readonly #interrupt: InterruptLine;
  readonly #source: number;
  /** What the guest added to the wall clock by setting the time. */
  #offsetNs = 0n;
  /** Latched by a read of TIME_LOW, so that the halves belong together. */
  #timeHigh = 0;
  #alarmNs = 0n;
  #alarmRunning = false;
  #irqEnabled = false;
  #irqPending = false;

  constructor({ name, clock, interrupt, base = 0x10_1000, source = 11 }: GoldfishRtcOptions) {
    this.name = name;
    this.base = base;
    this.#clock = clock;
    this.#interrupt = interrupt;
    this.#source = source;
  }

  deviceTreeNode(): DeviceTreeNode {
    return {
      name: "rtc",
      compatible: ["google,goldfish-rtc"],
      reg: [this.base, this.size],
      interrupts: [this.#source],
    };
  }

  read(offset: number, size: number): number {
    if (size !== 4) return 0;
    switch (offset) {
      case Register.TIME_LOW: {
        const now = this.#now();
        this.#timeHigh = high(now);
        return low(now);
      }
      case Register.TIME_HIGH:
        return this.#timeHigh;
      case Register.ALARM_LOW:
        return low(this.#alarmNs);
      case Register.ALARM_HIGH:
        return high(this.#alarmNs);
      case Register.IRQ_ENABLED:
        return this.#irqEnabled ? 1 : 0;
      case Register.ALARM_STATUS:
        return this.#alarmRunning ? 1 : 0;
      default:
        return 0;
    }
  }

  write(offset: number, size: number, value: number): void {
    if (size !== 4) return;
    switch (offset) {
      case Register.TIME_LOW:
        this.#setTime(withLow(this.#now(), value));
        return;
      case Register.TIME_HIGH:
        this.#setTime(withHigh(this.#now(), value));
        return;
      case Register.ALARM_LOW:
        // The low half is written last and arms the alarm.
        this.#alarmNs = withLow(this.#alarmNs, value);
        this.#alarmRunning = true;
        this.tick();
        return;
      case Register.ALARM_HIGH:
        this.#alarmNs = withHigh(this.#alarmNs, value);
        return;
      case Register.IRQ_ENABLED:
        this.#irqEnabled = (value & 1) !== 0;
        this.#updateLine();
        return;
      case Register.CLEAR_ALARM:
        this.#alarmRunning = false;
        return;
      case Register.CLEAR_INTERRUPT:
        this.#irqPending = false;
        this.#updateLine();
        return;
    }
  }

  nextDeadlineTicks(): bigint | undefined {
    if (!this.#alarmRunning) return undefined;
    const left = this.#alarmNs - this.#now();
    const ticks = this.#clock.ticks();
    return left <= 0n ? ticks : ticks + (left + NS_PER_TICK - 1n) / NS_PER_TICK;
  }

  tick(): void {
    if (!this.#alarmRunning || this.#now() < this.#alarmNs) return;
    this.#alarmRunning = false;
    this.#irqPending = true;
    this.#updateLine();
  }

  /** The time that was set survives, as a battery would have it. */
  reset(): void {
    this.#timeHigh = 0;
    this.#alarmNs = 0n;
    this.#alarmRunning = false;
    this.#irqEnabled = false;
    this.#irqPending = false;
    this.#updateLine();
  }

  save(): SavedRtc {
    return {
      offsetNs: this.#offsetNs.toString(),
      timeHigh: this.#timeHigh,
      alarmNs: this.#alarmNs.toString(),
      alarmRunning: this.#alarmRunning,
      irqEnabled: this.#irqEnabled,
      irqPending: this.#irqPending,
    };
  }

  restore(state: unknown): void {
    const saved = state as SavedRtc;
    this.#offsetNs = BigInt(saved.offsetNs);
    this.#timeHigh = saved.timeHigh;
    this.#alarmNs = BigInt(saved.alarmNs);
    this.#alarmRunning = saved.alarmRunning;
    this.#irqEnabled = saved.irqEnabled;
    this.#irqPending = saved.irqPending;
    this.#updateLine();
  }

  #now(): bigint {
    return BigInt.asUintN(64, this.#clock.wallNs() + this.#offsetNs);
  }

  #setTime(ns: bigint): void {
    this.#offsetNs = ns - this.#clock.wallNs();
    this.tick();
  }

  #updateLine(): void {
    this.#interrupt.set(this.#irqPending && this.#irqEnabled);
  }
}

function low(ns: bigint): number {
  return Number(ns & LOW);
}

function high(ns: bigint): number {
  return Number((ns >> 32n) & LOW);
}

function withLow(ns: bigint, value: number): bigint {
  return (ns & ~LOW) | BigInt(value);
}

function withHigh(ns: bigint, value: number): bigint {
  return (BigInt(value) << 32n) | (ns & LOW);
}
