// Functions in guest memory, called on a pair of machines from outside.

import { Cause, Csr, Privilege } from "../../src/generated/shared/privileged.js";
import { a0, a1 } from "./hart-code.js";
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

export async function createCallable(options: JitPairOptions = {}): Promise<JitPair> {
  const pair = await JitPair.create(options);
  pair.each((machine) => {
    machine.catchTraps();
    // All of memory to everybody.
    machine.setCsr(Csr.PMPADDR0, (1n << 54n) - 1n);
    machine.setCsr(Csr.PMPCFG0, 0x1fn);
  });
  return pair;
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
