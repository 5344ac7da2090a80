/**
 * What happens between a hart and the world in the middle of its instructions: device accesses, and what devices did to
 * the machine on their occasion. One hart's accesses go to the devices and are written down; whoever runs the same
 * instructions again gets the same answers and the same effects, and no device hears of it.
 */
import { Layout } from "../../generated/layout.js";
import type { Core, CoreExports, CoreHost } from "../../wasm/core.js";

type Effect =
  | { readonly kind: "ram"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "interrupt"; readonly cause: number; readonly level: number }
  | { readonly kind: "stop" };

interface Access {
  readonly kind: "load" | "store" | "console output" | "console input";
  readonly icount: bigint;
  /** Device accesses: gpa and size; console: length and 0. */
  readonly at: number;
  readonly size: number;
  /** What was stored or printed. */
  readonly value: number;
  readonly text: Uint8Array | undefined;
  /** What was answered. */
  result: number;
  readonly effects: Effect[];
}

const NO_BYTES = new Uint8Array(0);

export class AccessLog {
  readonly entries: Access[] = [];
  /** What the host wrote to RAM since `takeHostWrites`, outside of all accesses. */
  #hostWrites: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  #current: Access | undefined;

  clear(): void {
    this.entries.length = 0;
  }

  takeHostWrites(): readonly { readonly offset: number; readonly bytes: Uint8Array }[] {
    const taken = this.#hostWrites;
    this.#hostWrites = [];
    return taken;
  }

  /** `host`, with every call written down. `core` is asked only once the hart runs. */
  recording(host: CoreHost, core: () => Core, isRunning: () => boolean): CoreHost {
    const during = <T>(access: Omit<Access, "icount" | "result" | "effects">, act: () => T): T => {
      const { exports } = core();
      const entry: Access = { ...access, icount: exports.icount(exports.hart(0)), result: 0, effects: [] };
      this.entries.push(entry);
      this.#current = entry;
      try {
        const answer = act();
        if (typeof answer === "number") entry.result = answer;
        return answer;
      } finally {
        this.#current = undefined;
      }
    };
    return {
      mmioLoad: (at, size) =>
        during({ kind: "load", at, size, value: 0, text: undefined }, () => host.mmioLoad(at, size)),
      mmioStore: (at, size, value) =>
        during({ kind: "store", at, size, value, text: undefined }, () => host.mmioStore(at, size, value)),
      consoleWrite: (address, length) => {
        const start = address >>> 0;
        const text = core().bytes.slice(start, start + length);
        during({ kind: "console output", at: length, size: 0, value: 0, text }, () =>
          host.consoleWrite(address, length),
        );
      },
      consoleRead: (address, length) =>
        during({ kind: "console input", at: length, size: 0, value: 0, text: undefined }, () => {
          const got = host.consoleRead(address, length);
          const offset = (address >>> 0) - Layout.RAM.OFFSET;
          this.#current?.effects.push({ kind: "ram", offset, bytes: core().ram.slice(offset, offset + got) });
          return got;
        }),
      ramWrote: (offset, length) => {
        // Of its own accord a hart sets A and D bits: so does whoever runs the same instructions.
        if (this.#current === undefined && isRunning()) return;
        const start = offset >>> 0;
        const write = { offset: start, bytes: core().ram.slice(start, start + (length >>> 0)) };
        if (this.#current === undefined) this.#hostWrites.push(write);
        else this.#current.effects.push({ kind: "ram", ...write });
      },
    };
  }

  /** The exports of a core that devices call, with what they do in the middle of an access written down. */
  noting(exports: CoreExports): Pick<CoreExports, "setInterrupt" | "requestStop"> {
    return {
      setInterrupt: (hart, cause, level) => {
        this.#current?.effects.push({ kind: "interrupt", cause, level });
        exports.setInterrupt(hart, cause, level);
      },
      requestStop: (hart) => {
        this.#current?.effects.push({ kind: "stop" });
        exports.requestStop(hart);
      },
    };
  }
}

/** Answers one core's accesses from the log. */
export class AccessReader {
  position = 0;
  /** How this core's accesses differ from those in the log, if they do. */
  difference: string | undefined;
  readonly #log: AccessLog;
  readonly #core: () => Core;

  constructor(log: AccessLog, core: () => Core) {
    this.#log = log;
    this.#core = core;
  }

  rewind(position: number): void {
    this.position = position;
    this.difference = undefined;
  }

  host(): CoreHost {
    return {
      mmioLoad: (at, size) => this.#repeat("load", at, size, 0, NO_BYTES),
      mmioStore: (at, size, value) => {
        this.#repeat("store", at, size, value, NO_BYTES);
      },
      consoleWrite: (address, length) => {
        this.#repeat(
          "console output",
          length,
          0,
          0,
          this.#core().bytes.subarray(address >>> 0, (address >>> 0) + length),
        );
      },
      consoleRead: (_address, length) => this.#repeat("console input", length, 0, 0, NO_BYTES),
    };
  }

  #repeat(kind: Access["kind"], at: number, size: number, value: number, text: Uint8Array): number {
    const core = this.#core();
    const { exports } = core;
    const hart = exports.hart(0);
    const icount = exports.icount(hart);
    const entry = this.#log.entries[this.position++];
    const same =
      entry !== undefined &&
      entry.kind === kind &&
      entry.at === at &&
      entry.size === size &&
      entry.value === value &&
      entry.icount === icount &&
      Buffer.compare(entry.text ?? NO_BYTES, text) === 0;
    if (!same) {
      this.difference ??= `${show(kind, at, size, value)} at ${icount}, against ${
        entry === undefined ? "none" : `${show(entry.kind, entry.at, entry.size, entry.value)} at ${entry.icount}`
      }`;
      exports.requestStop(hart);
      return 0;
    }
    for (const effect of entry.effects) {
      if (effect.kind === "stop") exports.requestStop(hart);
      else if (effect.kind === "interrupt") exports.setInterrupt(hart, effect.cause, effect.level);
      else writeRam(core, effect.offset, effect.bytes);
    }
    return entry.result;
  }
}

/** As a device would. */
export function writeRam(core: Core, offset: number, bytes: Uint8Array): void {
  core.ram.set(bytes, offset);
  core.exports.ramWritten(BigInt(Layout.RAM.BASE + offset), bytes.length);
}

function show(kind: string, at: number, size: number, value: number): string {
  if (size === 0) return `${kind} of ${at} bytes`;
  const where = `0x${(at >>> 0).toString(16)}`;
  return kind === "store" ? `a store of 0x${(value >>> 0).toString(16)} to ${where}` : `a load from ${where}`;
}
