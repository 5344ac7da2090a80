// The platform-level interrupt controller (RISC-V PLIC 1.0.0) as QEMU's `virt` has it: 96 sources (0 means "none"), priorities
// 0 to 7, a context for M and one for S mode of each hart. All sources are level-triggered.

import type { DeviceTreeNode, InterruptLine, PlatformDevice } from "./device.js";

const SOURCES = 96;
const WORDS = SOURCES / 32;
/** Three bits of priority and threshold; the rest is WARL 0. */
const PRIORITY_MASK = 7;

// Memory map (PLIC 1.0.0, chapter 3).
const PENDING_BASE = 0x1000;
const ENABLE_BASE = 0x2000;
const ENABLE_STRIDE = 0x80;
const CONTEXT_BASE = 0x20_0000;
const CONTEXT_STRIDE = 0x1000;
const CONTEXT_THRESHOLD = 0;
const CONTEXT_CLAIM = 4;

export interface PlicOptions {
  readonly base?: number;
  readonly size?: number;
  /** What each context interrupts: for every hart its M mode, then its S mode. */
  readonly contexts: readonly ("M" | "S")[];
  /** The external interrupt of a context went up or down. */
  readonly onContext: (context: number, level: boolean) => void;
}

interface Context {
  readonly enabled: Uint32Array;
  threshold: number;
  /** The level last given to onContext. */
  level: boolean;
}

interface SavedPlic {
  priority: number[];
  level: number[];
  pending: number[];
  inService: number[];
  contexts: { enabled: number[]; threshold: number }[];
}

export class Plic implements PlatformDevice {
  readonly name = "plic";
  readonly base: number;
  readonly size: number;

  readonly #onContext: (context: number, level: boolean) => void;
  readonly #priority = new Uint8Array(SOURCES);
  // A bit a source. The gateway lets one request at a time through: from there it is pending, then, once
  // claimed, in service; only completion lets the gateway look at the wire again.
  readonly #level = new Uint32Array(WORDS);
  readonly #pending = new Uint32Array(WORDS);
  readonly #inService = new Uint32Array(WORDS);
  readonly #contexts: Context[];

  constructor({ base = 0x0c00_0000, size = 0x60_0000, contexts, onContext }: PlicOptions) {
    this.base = base;
    this.size = size;
    this.#onContext = onContext;
    this.#contexts = contexts.map(() => ({
      enabled: new Uint32Array(WORDS),
      threshold: 0,
      level: false,
    }));
  }

  /** The wire of `source`, 1 to 95. */
  line(source: number): InterruptLine {
    if (!Number.isInteger(source) || source < 1 || source >= SOURCES) {
      throw new RangeError(`the PLIC has no source ${source}`);
    }
    return { set: (level) => this.#setLevel(source, level) };
  }

  deviceTreeNode(): DeviceTreeNode {
    return {
      name: "interrupt-controller",
      compatible: ["sifive,plic-1.0.0", "riscv,plic0"],
      reg: [this.base, this.size],
      extra: {
        "#address-cells": 0,
        "#interrupt-cells": 1,
        "interrupt-controller": true,
        "riscv,ndev": SOURCES - 1,
      },
    };
  }

  read(offset: number, size: number): number {
    if (size !== 4 || (offset & 3) !== 0) return 0;
    if (offset < PENDING_BASE) return this.#priority[offset >> 2] ?? 0;
    if (offset < ENABLE_BASE) return this.#pending[(offset - PENDING_BASE) >> 2] ?? 0;
    if (offset < CONTEXT_BASE) {
      const { context, word } = enableWord(offset);
      return this.#contexts[context]?.enabled[word] ?? 0;
    }
    const { context, register } = contextRegister(offset);
    if (register === CONTEXT_THRESHOLD) return this.#contexts[context]?.threshold ?? 0;
    if (register === CONTEXT_CLAIM) return this.#claim(context);
    return 0;
  }

  write(offset: number, size: number, value: number): void {
    if (size !== 4 || (offset & 3) !== 0) return;
    if (offset < PENDING_BASE) {
      const source = offset >> 2;
      if (source === 0 || source >= SOURCES) return;
      this.#priority[source] = value & PRIORITY_MASK;
      this.#update();
      return;
    }
    // Pending bits are read-only.
    if (offset < ENABLE_BASE) return;
    if (offset < CONTEXT_BASE) {
      const { context, word } = enableWord(offset);
      const enabled = this.#contexts[context]?.enabled;
      if (enabled === undefined || word >= WORDS) return;
      enabled[word] = word === 0 ? value & ~1 : value;
      this.#update();
      return;
    }
    const { context: index, register } = contextRegister(offset);
    const context = this.#contexts[index];
    if (context === undefined) return;
    if (register === CONTEXT_THRESHOLD) {
      context.threshold = value & PRIORITY_MASK;
      this.#update();
    } else if (register === CONTEXT_CLAIM) this.#complete(context, value);
  }

  reset(): void {
    this.#priority.fill(0);
    this.#pending.fill(0);
    this.#inService.fill(0);
    for (const context of this.#contexts) {
      context.enabled.fill(0);
      context.threshold = 0;
    }
    // Wires are the devices'; one that is up asks again.
    for (let source = 1; source < SOURCES; source++) this.#gate(source);
    this.#update();
  }

  save(): SavedPlic {
    return {
      priority: [...this.#priority],
      level: [...this.#level],
      pending: [...this.#pending],
      inService: [...this.#inService],
      contexts: this.#contexts.map(({ enabled, threshold }) => ({ enabled: [...enabled], threshold })),
    };
  }

  restore(state: unknown): void {
    const saved = state as SavedPlic;
    this.#priority.set(saved.priority);
    this.#level.set(saved.level);
    this.#pending.set(saved.pending);
    this.#inService.set(saved.inService);
    for (const [index, context] of this.#contexts.entries()) {
      const from = saved.contexts[index];
      if (from === undefined) continue;
      context.enabled.set(from.enabled);
      context.threshold = from.threshold;
    }
    this.#update();
  }

  #setLevel(source: number, level: boolean): void {
    const word = source >> 5;
    if (hasBit(this.#level, source) === level) return;
    this.#level[word] = (this.#level[word] ?? 0) ^ bitOf(source);
    // A request that has passed the gateway stays even if the wire falls (PLIC 1.0.0, chapter 5): the handler finds out.
    if (!level) return;
    this.#gate(source);
    this.#update();
  }

  /** The gateway: a high wire makes a request unless one is pending or in service. */
  #gate(source: number): void {
    if (hasBit(this.#level, source) && !hasBit(this.#inService, source)) setBit(this.#pending, source, true);
  }

  /** The most urgent pending source, lowest number first among equals; the threshold does not matter here. */
  #claim(index: number): number {
    const context = this.#contexts[index];
    if (context === undefined) return 0;
    const source = this.#mostUrgent(context, 0);
    if (source === 0) return 0;
    setBit(this.#pending, source, false);
    setBit(this.#inService, source, true);
    this.#update();
    return source;
  }

  /** Ignored for a source that the context has not enabled (chapter 9). */
  #complete(context: Context, source: number): void {
    if (source === 0 || source >= SOURCES || !hasBit(context.enabled, source)) return;
    setBit(this.#inService, source, false);
    this.#gate(source);
    this.#update();
  }

  /** The pending and enabled source of the highest priority above `floor`, or 0. */
  #mostUrgent(context: Context, floor: number): number {
    let best = 0;
    let bestPriority = floor;
    for (let word = 0; word < WORDS; word++) {
      let bits = (this.#pending[word] ?? 0) & (context.enabled[word] ?? 0);
      while (bits !== 0) {
        const source = word * 32 + 31 - Math.clz32(bits & -bits);
        bits &= bits - 1;
        const priority = this.#priority[source] ?? 0;
        if (priority > bestPriority) {
          best = source;
          bestPriority = priority;
        }
      }
    }
    return best;
  }

  #update(): void {
    for (const [index, context] of this.#contexts.entries()) {
      const level = this.#mostUrgent(context, context.threshold) !== 0;
      if (level === context.level) continue;
      context.level = level;
      this.#onContext(index, level);
    }
  }
}

function enableWord(offset: number): { context: number; word: number } {
  const at = offset - ENABLE_BASE;
  return { context: Math.floor(at / ENABLE_STRIDE), word: (at % ENABLE_STRIDE) >> 2 };
}

function contextRegister(offset: number): { context: number; register: number } {
  const at = offset - CONTEXT_BASE;
  return { context: Math.floor(at / CONTEXT_STRIDE), register: at % CONTEXT_STRIDE };
}

function bitOf(source: number): number {
  return 1 << (source & 31);
}

function hasBit(words: Uint32Array, source: number): boolean {
  return ((words[source >> 5] ?? 0) & bitOf(source)) !== 0;
}

function setBit(words: Uint32Array, source: number, value: boolean): void {
  const word = words[source >> 5] ?? 0;
  words[source >> 5] = value ? word | bitOf(source) : word & ~bitOf(source);
}
