// Harts put into a state directly, by what their registers say: no guest code, and nothing that is locked stays so.

import { Layout } from "../../src/generated/layout.js";
import { Privilege } from "../../src/generated/shared/privileged.js";
import { type HartMachine, PAGE, RAM_BASE } from "./hart-machine.js";
import type { PmpEntry } from "./hart-model.js";

const { HART } = Layout;
const ENTRIES = 16;
const LOCK = 0x80;
const NAPOT = 0x18;

/** Everything open to everybody. */
export const ALL_OPEN: PmpEntry = { cfg: NAPOT | 7, address: (1n << 54n) - 1n };
export const OFF: PmpEntry = { cfg: 0, address: 0n };

/** [gpa, gpa + size), a power of two that it is aligned to, 8 at least. */
export function napot(gpa: bigint, size: bigint, permissions: number, { locked = false } = {}): PmpEntry {
  return { cfg: NAPOT | permissions | (locked ? LOCK : 0), address: (gpa >> 2n) | (size / 8n - 1n) };
}

export interface HartState {
  readonly privilege?: Privilege;
  readonly mstatus?: bigint;
  readonly satp?: bigint;
  /** Entries from 0 on; the rest is off. */
  readonly pmp?: readonly PmpEntry[];
}

export function putState(machine: HartMachine, state: HartState): void {
  const { privilege = Privilege.M, mstatus = 0n, satp = 0n, pmp = [ALL_OPEN] } = state;
  machine.view.setUint32(machine.hart + HART.PRIVILEGE, privilege, true);
  machine.setField64(HART.MSTATUS, mstatus);
  machine.setField64(HART.SATP, satp);
  for (let i = 0; i < ENTRIES; i++) {
    const { cfg, address } = pmp[i] ?? OFF;
    machine.setField64(HART.PMPADDR + 8 * i, address);
    machine.view.setUint8(machine.hart + HART.PMPCFG + i, cfg);
  }
  machine.exports.hartRestored(machine.hart);
}

/** Whether the hart's loads and stores see RAM through a window (Hart.window) now. */
export function seesWindow(machine: HartMachine): boolean {
  return machine.field64(HART.WINDOW) !== 0n;
}

/** A page that programs of tests leave alone: the one before those that HartMachine keeps for itself. */
export function unusedPage(machine: HartMachine): bigint {
  return RAM_BASE + BigInt(machine.ramBytes) - 3n * PAGE;
}

/** What takes the window away from M mode, and nothing else: nobody may access the unused page. */
export function closedPmp(machine: HartMachine): readonly PmpEntry[] {
  return [napot(unusedPage(machine), PAGE, 0, { locked: true }), ALL_OPEN];
}

/** Has M mode, as reset leaves it, go by the TLB. Programs find entry 0 of the PMP locked. */
export function closeWindow(machine: HartMachine): void {
  putState(machine, { pmp: closedPmp(machine) });
  if (seesWindow(machine)) throw new Error("the hart sees RAM through a window still");
}
