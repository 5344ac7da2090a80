// The same guest twice: interpreted, and with every block compiled that is entered a second time. Whatever they are made to do,
// they must be in the same state behind the same number of instructions.

import { Layout } from "../../src/generated/layout.js";
import { hartDifferences } from "../../src/machine/lockstep/hart-state.js";
import type { CoreHost } from "../../src/wasm/core.js";
import { HartMachine, type HartMachineOptions } from "./hart-machine.js";

/** Entries of a block before it is compiled, in tests: the first are interpreted, all later ones are not. */
export const HOT = 2;

/** Differences that a report goes into. */
const MOST_REPORTED = 6;

/** Where a CodePage says whether it has blocks: see assembly/hart/code-cache.ts. */
const CODE_PAGE_LIVE = 8196;

/** Pages that are dirty on one alone, or where stores go unnoticed that have to be noticed. */
function pageDifferences(interpreted: HartMachine, compiled: HartMachine): string[] {
  const found: string[] = [];
  const pages = compiled.ramBytes / Layout.PAGE.SIZE;
  const { BITMAP } = Layout.DIRTY;
  const dirtyOf = ({ core }: HartMachine) => core.bytes.subarray(BITMAP, BITMAP + pages / 8);
  const [expected, dirty] = [dirtyOf(interpreted), dirtyOf(compiled)];
  if (Buffer.compare(expected, dirty) !== 0) {
    const at = dirty.findIndex((byte, index) => byte !== expected[index]);
    found.push(`dirty pages from ${8 * at} on 0b${expected[at]?.toString(2)} / 0b${dirty[at]?.toString(2)}`);
  }
  const { view, core } = compiled;
  for (let page = 0; page < pages && found.length < MOST_REPORTED; page++) {
    if (core.bytes[Layout.WRITABLE.MAP + page] === 0) continue;
    const codePage = view.getUint32(Layout.CODE.PAGE_INDEX + 4 * page, true);
    if ((((dirty[page >> 3] as number) >> (page & 7)) & 1) === 0) {
      found.push(`stores to page ${page} go unnoticed, which is clean`);
    }
    if (codePage !== 0 && view.getUint32(codePage + CODE_PAGE_LIVE, true) !== 0) {
      found.push(`stores to page ${page} go unnoticed, which has code`);
    }
  }
  return found;
}

/** In what two harts or their RAM differ, or null. */
export function differenceOf(interpreted: HartMachine, compiled: HartMachine): string | null {
  const found = hartDifferences(interpreted.view, compiled.view, compiled.hart, MOST_REPORTED).map(
    ({ what, expected, got }) => `${what} 0x${expected.toString(16)} / 0x${got.toString(16)}`,
  );
  const [a, b] = [interpreted.core.ram, compiled.core.ram];
  if (Buffer.compare(a, b) !== 0) {
    const at = a.findIndex((byte, index) => byte !== b[index]);
    found.push(`RAM at 0x${(Layout.RAM.BASE + at).toString(16)} 0x${a[at]?.toString(16)} / 0x${b[at]?.toString(16)}`);
  }
  found.push(...pageDifferences(interpreted, compiled));
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
