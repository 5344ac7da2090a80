// The same guest twice: interpreted, and with every block compiled that is entered a second time. Whatever they are made to do,
// they must be in the same state behind the same number of instructions.

import { Layout } from "../../src/generated/layout.js";
import type { CoreHost } from "../../src/wasm/core.js";
import { HartMachine, type HartMachineOptions } from "./hart-machine.js";

/** Entries of a block before it is compiled, in tests: the first are interpreted, all later ones are not. */
export const HOT = 2;

/** Field names by offset in the part of a hart that guests can see. */
const FIELDS = new Map<number, string>(
  Object.entries(Layout.HART)
    .filter(([name]) => !["X", "F", "PMPADDR", "PMPCFG", "BASE", "STRIDE", "SIZE"].includes(name))
    .map(([name, offset]) => [offset, name.toLowerCase()]),
);

/** Differences that a report goes into. */
const MOST_REPORTED = 6;

/** In what two harts or their RAM differ, or null. */
export function differenceOf(interpreted: HartMachine, compiled: HartMachine): string | null {
  const found: string[] = [];
  const compare = (what: string, a: bigint | number, b: bigint | number): void => {
    if (a !== b && found.length < MOST_REPORTED) found.push(`${what} 0x${a.toString(16)} / 0x${b.toString(16)}`);
  };
  compare("icount", interpreted.icount, compiled.icount);
  const { X, F, PMPADDR, RESET_REASON } = Layout.HART;
  const ranges = [
    { from: 0, to: RESET_REASON, name: (at: number) => FIELDS.get(at) ?? `hart+${at}` },
    { from: X, to: X + 32 * 8, name: (at: number) => `x${(at - X) / 8}` },
    { from: F, to: F + 32 * 8, name: (at: number) => `f${(at - F) / 8}` },
    { from: PMPADDR, to: PMPADDR + 18 * 8, name: (at: number) => `pmp+${at - PMPADDR}` },
  ];
  for (const { from, to, name } of ranges) {
    for (let at = from; at < to; at += 8) compare(name(at), interpreted.field64(at), compiled.field64(at));
  }
  compare("reset_reason", interpreted.field32(RESET_REASON), compiled.field32(RESET_REASON));
  const [a, b] = [interpreted.core.ram, compiled.core.ram];
  if (Buffer.compare(a, b) !== 0) {
    const at = a.findIndex((byte, index) => byte !== b[index]);
    compare(`RAM at 0x${(Layout.RAM.BASE + at).toString(16)}`, a[at] ?? 0, b[at] ?? 0);
  }
  return found.length === 0 ? null : `interpreted / compiled: ${found.join(", ")}`;
}

export interface JitPairOptions extends HartMachineOptions {
  /** Devices, one set for each machine. */
  readonly hosts?: () => Partial<CoreHost>;
  readonly hot?: number;
}

export class JitPair {
  private constructor(
    readonly interpreted: HartMachine,
    readonly compiled: HartMachine,
  ) {}

  static async create({ hosts, hot = HOT, ...options }: JitPairOptions = {}): Promise<JitPair> {
    const create = () => HartMachine.create(hosts === undefined ? options : { ...options, host: hosts() });
    const pair = new JitPair(await create(), await create());
    pair.interpreted.exports.setJit(0);
    pair.compiled.exports.setJit(hot);
    return pair;
  }

  /** Regions compiled so far. */
  get regions(): number {
    return this.compiled.core.regions.statistics.regions;
  }

  get difference(): string | null {
    return differenceOf(this.interpreted, this.compiled);
  }

  /** Does the same to both. */
  each(act: (machine: HartMachine) => void): void {
    act(this.interpreted);
    act(this.compiled);
  }

  /** Runs both for so many instructions and answers where they differ. `null`: nowhere. */
  run(instructions: number): string | null {
    const exits = [this.interpreted.run(instructions), this.compiled.run(instructions)];
    if (exits[0] !== exits[1]) return `run(${instructions}) answered ${exits[0]} interpreted, ${exits[1]} compiled`;
    return this.difference;
  }
}
