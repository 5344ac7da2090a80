import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import type { InterruptLine } from "../../src/devices/device.js";
import { Plic } from "../../src/devices/plic.js";

const PENDING = 0x1000;
const ENABLE = 0x2000;
const THRESHOLD = 0x20_0000;
const CLAIM = 0x20_0004;
const S = 0x1000;

let plic: Plic;
let levels: boolean[];
let changes: [number, boolean][];

beforeEach(() => {
  build();
});

function build(): void {
  levels = [false, false];
  changes = [];
  plic = new Plic({
    contexts: ["M", "S"],
    onContext: (context, level) => {
      levels[context] = level;
      changes.push([context, level]);
    },
  });
}

/** Enables `source` with `priority` for a context. */
function enable(source: number, priority: number, context = 1): void {
  plic.write(4 * source, 4, priority);
  const offset = ENABLE + 0x80 * context + 4 * (source >> 5);
  plic.write(offset, 4, (plic.read(offset, 4) | (1 << (source & 31))) >>> 0);
}

function claim(context = 1): number {
  return plic.read(CLAIM + S * context, 4);
}

function complete(source: number, context = 1): void {
  plic.write(CLAIM + S * context, 4, source);
}

describe("the PLIC", () => {
  it("interrupts the context that has the source enabled, and no other", () => {
    enable(10, 1);
    plic.line(10).set(true);
    expect(levels).toEqual([false, true]);
    expect(claim(0)).toBe(0);
    expect(claim(1)).toBe(10);
    expect(levels).toEqual([false, false]);
  });

  it("serves the highest priority first, and the lowest number among equals", () => {
    for (const [source, priority] of [
      [3, 2],
      [7, 5],
      [33, 5],
      [95, 7],
      [64, 1],
    ] as const) {
      enable(source, priority);
      plic.line(source).set(true);
    }
    expect([claim(), claim(), claim(), claim(), claim(), claim()]).toEqual([95, 7, 33, 3, 64, 0]);
  });

  it("does not interrupt for priorities up to the threshold, but lets them be claimed", () => {
    enable(5, 3);
    plic.write(THRESHOLD + S, 4, 3);
    plic.line(5).set(true);
    expect(levels[1]).toBe(false);
    plic.write(THRESHOLD + S, 4, 2);
    expect(levels[1]).toBe(true);
    plic.write(THRESHOLD + S, 4, 7);
    expect(levels[1]).toBe(false);
    expect(claim()).toBe(5);
  });

  it("never serves priority 0", () => {
    enable(5, 0);
    plic.line(5).set(true);
    expect(levels[1]).toBe(false);
    expect(claim()).toBe(0);
    expect(plic.read(PENDING, 4)).toBe(1 << 5);
  });

  it("asks again after completion while the wire is up, and not before", () => {
    const line = plic.line(8);
    enable(8, 1);
    line.set(true);
    expect(claim()).toBe(8);
    line.set(false);
    line.set(true);
    expect(plic.read(PENDING, 4)).toBe(0);
    complete(8);
    expect(plic.read(PENDING, 4)).toBe(1 << 8);
    expect(claim()).toBe(8);
    line.set(false);
    complete(8);
    expect(claim()).toBe(0);
    expect(changes).toEqual([
      [1, true],
      [1, false],
      [1, true],
      [1, false],
    ]);
  });

  it("keeps a request whose wire has fallen", () => {
    enable(8, 1);
    plic.line(8).set(true);
    plic.line(8).set(false);
    expect(claim()).toBe(8);
  });

  it("ignores the completion of a source that the context has not enabled", () => {
    enable(8, 1);
    plic.line(8).set(true);
    claim();
    complete(8, 0);
    complete(9);
    complete(0);
    complete(0xffff_ffff);
    expect(plic.read(PENDING, 4)).toBe(0);
    complete(8);
    expect(plic.read(PENDING, 4)).toBe(1 << 8);
  });

  it("takes what is pending when it becomes enabled", () => {
    plic.line(40).set(true);
    expect(levels[1]).toBe(false);
    expect(plic.read(PENDING + 4, 4)).toBe(1 << 8);
    enable(40, 1);
    expect(levels[1]).toBe(true);
  });

  it("has no source 0, no source 96 and priorities of three bits", () => {
    expect(() => plic.line(0)).toThrow(RangeError);
    expect(() => plic.line(96)).toThrow(RangeError);
    plic.write(0, 4, 7);
    plic.write(4 * 95, 4, 0xffff_ffff);
    plic.write(4 * 96, 4, 7);
    expect([0, 95, 96].map((source) => plic.read(4 * source, 4))).toEqual([0, 7, 0]);
    plic.write(ENABLE, 4, 0xffff_ffff);
    expect(plic.read(ENABLE, 4)).toBe(0xffff_fffe);
    plic.write(ENABLE + 12, 4, 0xffff_ffff);
    expect(plic.read(ENABLE + 12, 4)).toBe(0);
    plic.write(PENDING, 4, 0xffff_ffff);
    expect(plic.read(PENDING, 4)).toBe(0);
    plic.write(THRESHOLD, 4, 0xffff_ffff);
    expect(plic.read(THRESHOLD, 4)).toBe(7);
  });

  it("forgets its programming at a reset, and asks again for wires that are up", () => {
    enable(8, 1);
    plic.write(THRESHOLD + S, 4, 2);
    plic.line(8).set(true);
    claim();
    plic.reset();
    expect(plic.read(32, 4)).toBe(0);
    expect(plic.read(THRESHOLD + S, 4)).toBe(0);
    expect(levels).toEqual([false, false]);
    enable(8, 1);
    expect(claim()).toBe(8);
  });

  it("goes on where a saved one was", () => {
    enable(8, 3);
    enable(9, 4);
    plic.line(8).set(true);
    plic.line(9).set(true);
    expect(claim()).toBe(9);
    const state = structuredClone(plic.save());
    build();
    plic.restore(state);
    expect(levels).toEqual([false, true]);
    expect(plic.save()).toEqual(state);
    expect(claim()).toBe(8);
    complete(9);
    expect(claim()).toBe(9);
  });

  it("says in the device tree how many sources it has", () => {
    expect(plic.deviceTreeNode()).toMatchObject({
      name: "interrupt-controller",
      compatible: ["sifive,plic-1.0.0", "riscv,plic0"],
      reg: [0x0c00_0000, 0x60_0000],
      extra: { "riscv,ndev": 95, "#interrupt-cells": 1, "interrupt-controller": true },
    });
  });

  it("survives any access", () => {
    const access = fc.record({
      offset: fc.oneof(
        fc.integer({ min: 0, max: 0x5f_ffff }),
        fc.constantFrom(CLAIM, CLAIM + S, ENABLE + 0x80, 0x3fff),
      ),
      size: fc.constantFrom(1, 2, 4),
      value: fc.option(fc.integer({ min: 0, max: 0xffff_ffff })),
      source: fc.integer({ min: 1, max: 95 }),
      level: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(access, { maxLength: 50 }), (list) => {
        build();
        const lines = new Map<number, InterruptLine>();
        for (const { offset, size, value, source, level } of list) {
          const line = lines.get(source) ?? plic.line(source);
          lines.set(source, line);
          line.set(level);
          if (value === null) expect(plic.read(offset, size)).toBeGreaterThanOrEqual(0);
          else plic.write(offset, size, value);
        }
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  it("interrupts a context exactly while it has something to claim above its threshold", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("line" as const), source: fc.integer({ min: 1, max: 6 }), level: fc.boolean() }),
      fc.record({
        kind: fc.constant("priority" as const),
        source: fc.integer({ min: 1, max: 6 }),
        value: fc.integer({ min: 0, max: 7 }),
      }),
      fc.record({ kind: fc.constant("enable" as const), bits: fc.integer({ min: 0, max: 127 }) }),
      fc.record({ kind: fc.constant("threshold" as const), value: fc.integer({ min: 0, max: 7 }) }),
      fc.record({ kind: fc.constant("claim" as const) }),
      fc.record({ kind: fc.constant("complete" as const), source: fc.integer({ min: 1, max: 6 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        build();
        // A plain model: sets and maps.
        const up = new Set<number>();
        const pending = new Set<number>();
        const inService = new Set<number>();
        const priority = new Map<number, number>();
        let enabled = 0;
        let threshold = 0;
        const candidates = () =>
          [...pending]
            .filter((source) => (enabled >> source) & 1 && (priority.get(source) ?? 0) > 0)
            .sort((a, b) => (priority.get(b) ?? 0) - (priority.get(a) ?? 0) || a - b);
        const lines = Array.from({ length: 7 }, (_, source) => (source > 0 ? plic.line(source) : undefined));
        for (const step of steps) {
          if (step.kind === "line") {
            lines[step.source]?.set(step.level);
            if (step.level && !up.has(step.source) && !inService.has(step.source)) pending.add(step.source);
            if (step.level) up.add(step.source);
            else up.delete(step.source);
          } else if (step.kind === "priority") {
            plic.write(4 * step.source, 4, step.value);
            priority.set(step.source, step.value);
          } else if (step.kind === "enable") {
            plic.write(ENABLE, 4, step.bits);
            enabled = step.bits & ~1;
          } else if (step.kind === "threshold") {
            plic.write(THRESHOLD, 4, step.value);
            threshold = step.value;
          } else if (step.kind === "claim") {
            const [best = 0] = candidates();
            expect(claim(0)).toBe(best);
            if (best !== 0) {
              pending.delete(best);
              inService.add(best);
            }
          } else {
            complete(step.source, 0);
            if ((enabled >> step.source) & 1) {
              inService.delete(step.source);
              if (up.has(step.source)) pending.add(step.source);
            }
          }
          const [best = 0] = candidates();
          expect(levels[0]).toBe(best !== 0 && (priority.get(best) ?? 0) > threshold);
        }
      }),
      { numRuns: 500, seed: 2 },
    );
  });
});
