import { beforeEach, describe, expect, it } from "vitest";
import { GoldfishRtc } from "../../src/devices/goldfish-rtc.js";
import { ManualClock, Wire } from "./support.js";

const TIME_LOW = 0x00;
const TIME_HIGH = 0x04;
const ALARM_LOW = 0x08;
const ALARM_HIGH = 0x0c;
const IRQ_ENABLED = 0x10;
const CLEAR_ALARM = 0x14;
const ALARM_STATUS = 0x18;
const CLEAR_INTERRUPT = 0x1c;

let clock: ManualClock;
let wire: Wire;
let rtc: GoldfishRtc;

beforeEach(() => {
  clock = new ManualClock();
  build();
});

function build(): void {
  wire = new Wire();
  rtc = new GoldfishRtc({ name: "rtc", clock, interrupt: wire });
}

function time(): bigint {
  const low = BigInt(rtc.read(TIME_LOW, 4));
  return (BigInt(rtc.read(TIME_HIGH, 4)) << 32n) | low;
}

function write64(low: number, high: number, value: bigint): void {
  rtc.write(high, 4, Number(value >> 32n));
  rtc.write(low, 4, Number(value & 0xffff_ffffn));
}

/** Sets the alarm as Linux's driver does. */
function alarmIn(ns: bigint): void {
  write64(ALARM_LOW, ALARM_HIGH, clock.wallNs() + ns);
  rtc.write(IRQ_ENABLED, 4, 1);
}

describe("the real-time clock", () => {
  it("tells the machine's wall clock, and moves with guest time", () => {
    expect(time()).toBe(clock.bootNs);
    clock.now = 12_345n;
    expect(time()).toBe(clock.bootNs + 1_234_500n);
  });

  it("gives halves that belong together", () => {
    clock.bootNs = (5n << 32n) - 1n;
    expect(rtc.read(TIME_LOW, 4)).toBe(0xffff_ffff);
    clock.now = 1n;
    expect(rtc.read(TIME_HIGH, 4)).toBe(4);
    expect(time()).toBe((5n << 32n) + 99n);
  });

  it("can be set, and keeps that through a reset", () => {
    write64(TIME_LOW, TIME_HIGH, 1_000_000_000_000_000_000n);
    expect(time()).toBe(1_000_000_000_000_000_000n);
    clock.now += 10_000_000n;
    rtc.reset();
    expect(time()).toBe(1_000_000_001_000_000_000n);
  });

  it("fires its alarm when it is due, not before and only once", () => {
    alarmIn(1_050n);
    expect(rtc.read(ALARM_STATUS, 4)).toBe(1);
    expect(rtc.nextDeadlineTicks()).toBe(11n);
    clock.now = 10n;
    rtc.tick();
    expect(wire.level).toBe(false);
    clock.now = 11n;
    rtc.tick();
    expect(wire.level).toBe(true);
    expect(rtc.read(ALARM_STATUS, 4)).toBe(0);
    expect(rtc.nextDeadlineTicks()).toBeUndefined();
    rtc.write(CLEAR_INTERRUPT, 4, 1);
    expect(wire.level).toBe(false);
    clock.now = 1_000n;
    rtc.tick();
    expect(wire.rises).toBe(1);
  });

  it("fires at once for an alarm in the past", () => {
    rtc.write(IRQ_ENABLED, 4, 1);
    write64(ALARM_LOW, ALARM_HIGH, clock.wallNs() - 1n);
    expect(wire.level).toBe(true);
  });

  it("follows the clock when that is set past the alarm", () => {
    alarmIn(10n ** 12n);
    write64(TIME_LOW, TIME_HIGH, clock.wallNs() + 2n * 10n ** 12n);
    expect(wire.level).toBe(true);
  });

  it("keeps an interrupt to itself until it is enabled, and forgets a cleared alarm", () => {
    write64(ALARM_LOW, ALARM_HIGH, clock.wallNs());
    expect(wire.level).toBe(false);
    rtc.write(IRQ_ENABLED, 4, 1);
    expect(wire.level).toBe(true);
    rtc.write(CLEAR_INTERRUPT, 4, 0);
    alarmIn(1_000n);
    rtc.write(CLEAR_ALARM, 4, 1);
    expect(rtc.nextDeadlineTicks()).toBeUndefined();
    clock.now = 100n;
    rtc.tick();
    expect(wire.level).toBe(false);
  });

  it("reads back the alarm and the interrupt enable", () => {
    alarmIn(5_000n);
    expect([rtc.read(ALARM_LOW, 4), rtc.read(ALARM_HIGH, 4), rtc.read(IRQ_ENABLED, 4)]).toEqual([
      Number((clock.wallNs() + 5_000n) & 0xffff_ffffn),
      Number((clock.wallNs() + 5_000n) >> 32n),
      1,
    ]);
  });

  it("takes an alarm at the end of time", () => {
    write64(ALARM_LOW, ALARM_HIGH, 2n ** 64n - 1n);
    expect(rtc.nextDeadlineTicks()).toBeGreaterThan(10n ** 16n);
    expect(wire.level).toBe(false);
  });

  it("answers 0 to other widths and registers", () => {
    expect([rtc.read(TIME_LOW, 1), rtc.read(TIME_LOW, 2), rtc.read(CLEAR_ALARM, 4), rtc.read(0x800, 4)]).toEqual([
      0, 0, 0, 0,
    ]);
    rtc.write(IRQ_ENABLED, 1, 1);
    expect(rtc.read(IRQ_ENABLED, 4)).toBe(0);
  });

  it("goes on where a saved one was", () => {
    write64(TIME_LOW, TIME_HIGH, 77n);
    alarmIn(0n);
    alarmIn(500n * 10n ** 9n);
    const state = JSON.parse(JSON.stringify(rtc.save()));
    const next = rtc.nextDeadlineTicks();
    build();
    rtc.restore(state);
    expect(rtc.nextDeadlineTicks()).toBe(next);
    expect(time()).toBe(77n);
    expect(rtc.save()).toEqual(state);
  });

  it("says where it is in the device tree", () => {
    expect(rtc.deviceTreeNode()).toEqual({
      name: "rtc",
      compatible: ["google,goldfish-rtc"],
      reg: [0x10_1000, 0x1000],
      interrupts: [11],
    });
  });
});
