// Functions in guest memory, called on a pair of machines from outside.

import { Cause, Privilege } from "../../src/generated/shared/privileged.js";
import { a0, a1 } from "./hart-code.js";
import { ALL_OPEN, closedPmp, type HartState, putState, seesWindow } from "./hart-state.js";
import { JitPair, type JitPairOptions } from "./jit-pair.js";

/** Entries that leave no block of a function uncompiled. */
export const ENOUGH = 4;

export interface Call {
  readonly privilege?: Privilege;
  /** In a1; a0 is 0. */
  readonly argument?: bigint;
  readonly mstatus?: bigint;
  /** What the call ends with: ebreak, unless a test wants a fault. */
  readonly cause?: Cause;
}

/** How a call ended on both. */
export interface Returned {
  readonly a0: bigint;
  readonly cause: bigint;
  readonly pc: bigint;
  /** In what the two machines differ. */
  readonly difference: string | null;
}

export interface CallableOptions extends JitPairOptions {
  /** Without one, M mode goes by the TLB. */
  readonly window?: boolean;
}

/** All of memory is everybody's, but for the unused page where there is to be no window. */
export async function createCallable({ window = true, ...options }: CallableOptions = {}): Promise<JitPair> {
  const pair = await JitPair.create(options);
  pair.each((machine) => {
    machine.catchTraps();
    putState(machine, { pmp: window ? [ALL_OPEN] : closedPmp(machine) });
    if (seesWindow(machine) !== window) throw new Error(`the hart ${window ? "has no" : "has a"} window`);
  });
  return pair;
}

/** Runs `pc` on both in a state of its own until it traps to M mode; answers what differs. */
export function callIn(pair: JitPair, pc: bigint, state: HartState): string | null {
  pair.each((machine) => {
    putState(machine, state);
    machine.runFrom(pc);
  });
  return pair.difference;
}

/** Calls `pc` on both until it traps; throws unless both trapped for `cause`. */
export function callBoth(pair: JitPair, pc: bigint, call: Call = {}): Returned {
  const { privilege = Privilege.M, argument = 0n, mstatus = 0n, cause = Cause.BREAKPOINT } = call;
  pair.each((machine) => {
    machine.setX(a0, 0n);
    machine.setX(a1, argument);
    const trapped = machine.enter(pc, privilege, mstatus);
    if (trapped.cause !== BigInt(cause)) throw new Error(`cause ${trapped.cause} at 0x${trapped.pc.toString(16)}`);
  });
  const { machineTrap } = pair.compiled;
  return { a0: pair.compiled.x(a0), cause: machineTrap.cause, pc: machineTrap.pc, difference: pair.difference };
}
