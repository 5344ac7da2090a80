/**
 * The guest's address spaces, found without asking the guest: the core notes the tables that satp has pointed to, and walks
 * them (assembly/mmu/vmspace-walk.ts).
 *
 * Nothing tells when the guest frees a table, so those that look freed are left out: what is not a table any more, or has a
 * kernel half (the upper 256 entries of the root, which a kernel has in common among all its processes) that contradicts that
 * of the current table; and those that map nothing for the user half, as a kernel empties it before it frees the table.
 */
import { Layout } from "../generated/layout.js";
import type { Core } from "../wasm/core.js";
import type { AddressSpaceMode, Vmspace, Vmspaces } from "./machine-config.js";

const { VMSPACE, RAM, HART } = Layout;
const PAGE = Layout.PAGE.SIZE;
const ENTRIES = 512;
const USER_ENTRIES = 256;
const MODES: Readonly<Record<number, AddressSpaceMode>> = { 8: "sv39", 9: "sv48", 10: "sv57" };
const PPN_MASK = (1n << 44n) - 1n;
/** Entries of page tables between two looks at other things to do: some tenths of a millisecond. */
const STEP_WORK = 1 << 16;
/** For all spaces together. A guest whose tables go on for longer has built them for that. */
const STEPS_MAX = 1024;
/** A and D of an entry: each copy of the kernel's half has its own. */
const ACCESSED_DIRTY = 0xc0;

interface Root {
  readonly satp: bigint;
  /** Guest-physical. */
  readonly table: number;
  readonly lastUsed: bigint;
}

/** Yields now and then, to be continued when the guest and others have had their turn; returns what was measured. */
export function* measureVmspaces(core: Core, hart: number): Generator<undefined, Vmspaces> {
  const satp = core.view.getBigUint64(hart + HART.SATP, true);
  const noted = readRoots(core);
  const current = noted.find((root) => root.satp === satp) ?? noted[0];
  const roots = noted.filter((root) => root === current || (current !== undefined && isInUse(core, root, current)));
  if (current === undefined) return { spaces: [], kernel: undefined };
  const budget = { steps: STEPS_MAX };
  core.exports.vmspaceClear();
  const complete: boolean[] = [];
  for (const [index, root] of roots.entries()) {
    complete.push(yield* walk(core, budget, { root, first: 0, end: USER_ENTRIES, id: index + 1, counts: true }));
  }
  const spaces: Vmspace[] = [];
  for (const [index, root] of roots.entries()) {
    const id = roots.length + index + 1;
    const whole = yield* walk(core, budget, { root, first: 0, end: USER_ENTRIES, id, counts: false });
    spaces.push({
      root: root.table,
      mode: MODES[Number(root.satp >> 60n)] as AddressSpaceMode,
      asid: Number((root.satp >> 44n) & 0xffffn),
      isCurrent: root.satp === satp,
      isComplete: whole && complete[index] === true,
      ...sums(core),
      sharedBytes: sum(core, VMSPACE.SHARED),
      proportionalBytes: Math.round(core.view.getFloat64(VMSPACE.PROPORTIONAL, true) * PAGE),
    });
  }
  const id = 2 * roots.length + 1;
  const whole = yield* walk(core, budget, { root: current, first: USER_ENTRIES, end: ENTRIES, id, counts: false });
  return { spaces, kernel: { isComplete: whole, ...sums(core) } };
}

interface Walk {
  readonly root: Root;
  readonly first: number;
  readonly end: number;
  readonly id: number;
  readonly counts: boolean;
}

/** Whether it came to an end. */
function* walk(
  { exports }: Core,
  budget: { steps: number },
  { root, first, end, id, counts }: Walk,
): Generator<undefined, boolean> {
  if (exports.vmspaceOpen(root.satp, first, end, id, counts ? 1 : 0) === 0) return false;
  for (;;) {
    if (budget.steps-- <= 0) return false;
    const ended = exports.vmspaceStep(STEP_WORK);
    if (ended === VMSPACE.DONE) return true;
    if (ended === VMSPACE.ENDLESS) return false;
    yield;
  }
}

function sums(
  core: Core,
): Pick<Vmspace, "mappedBytes" | "residentBytes" | "accessedBytes" | "dirtyBytes" | "tableBytes"> {
  return {
    mappedBytes: sum(core, VMSPACE.MAPPED),
    residentBytes: sum(core, VMSPACE.RESIDENT),
    accessedBytes: sum(core, VMSPACE.ACCESSED),
    dirtyBytes: sum(core, VMSPACE.DIRTY),
    tableBytes: sum(core, VMSPACE.TABLES),
  };
}

/** Pages, at an address of the walk's record; superpages of a hostile guest add up beyond what is exact. */
function sum(core: Core, address: number): number {
  return Number(core.view.getBigUint64(address, true)) * PAGE;
}

/** The last used one first. */
function readRoots(core: Core): Root[] {
  const roots: Root[] = [];
  for (let at = VMSPACE.ROOTS; at < VMSPACE.ROOTS_END; at += VMSPACE.ROOT_SIZE) {
    const satp = core.view.getBigUint64(at + VMSPACE.ROOT_SATP, true);
    if (MODES[Number(satp >> 60n)] === undefined) continue;
    const table = Number((satp & PPN_MASK) * BigInt(PAGE));
    if (table < RAM.BASE || table + PAGE > RAM.BASE + core.ramBytes) continue;
    roots.push({ satp, table, lastUsed: core.view.getBigUint64(at + VMSPACE.ROOT_LAST_USED, true) });
  }
  return roots.sort((a, b) => (a.lastUsed > b.lastUsed ? -1 : 1));
}

/** Low and high words of the entries of a root. */
function entriesOf(core: Core, { table }: Root): Uint32Array {
  return new Uint32Array(core.memory.buffer, RAM.OFFSET + table - RAM.BASE, ENTRIES * 2);
}

function isInUse(core: Core, root: Root, current: Root): boolean {
  const mine = entriesOf(core, root);
  const theirs = entriesOf(core, current);
  let isUser = false;
  for (let at = 0; at < USER_ENTRIES * 2; at += 2) isUser ||= isValid(mine, at);
  if (!isUser) return false;
  let agree = 0;
  let theirCount = 0;
  for (let at = USER_ENTRIES * 2; at < ENTRIES * 2; at += 2) {
    if (isValid(theirs, at)) theirCount++;
    // Kernels may add an entry to each process when it first needs it.
    if (!isValid(mine, at) || !isValid(theirs, at)) continue;
    const [a = 0, b = 0] = [mine[at], theirs[at]];
    if (((a ^ b) & ~ACCESSED_DIRTY) !== 0 || mine[at + 1] !== theirs[at + 1]) return false;
    agree++;
  }
  // A kernel that keeps its own half elsewhere leaves nothing to compare.
  return agree > 0 || theirCount === 0;
}

function isValid(entries: Uint32Array, at: number): boolean {
  return ((entries[at] ?? 0) & 1) !== 0;
}

const SAVED_BYTES = VMSPACE.ROOTS_END - VMSPACE.ROOTS;
const CLOCK_BYTES = 8;

/** What the core has noted, as a part of the guest's saved state. */
export function saveVmspaceRoots(core: Core): Uint8Array {
  const saved = new Uint8Array(SAVED_BYTES + CLOCK_BYTES);
  saved.set(core.bytes.subarray(VMSPACE.ROOTS, VMSPACE.ROOTS_END));
  saved.set(core.bytes.subarray(VMSPACE.CLOCK, VMSPACE.CLOCK + CLOCK_BYTES), SAVED_BYTES);
  return saved;
}

/** Any bytes will do: roots are looked at with distrust. Another length is of another version, and forgotten. */
export function restoreVmspaceRoots(core: Core, saved: Uint8Array): void {
  if (saved.length !== SAVED_BYTES + CLOCK_BYTES) return;
  core.bytes.set(saved.subarray(0, SAVED_BYTES), VMSPACE.ROOTS);
  core.bytes.set(saved.subarray(SAVED_BYTES), VMSPACE.CLOCK);
}
