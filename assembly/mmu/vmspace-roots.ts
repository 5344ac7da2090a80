// Which address spaces there are: the tables that the guest has put into satp. Hardware knows only the current one, so they
// are noted as they come by; a kernel switches to each of its processes now and then. What is noted is part of the
// guest's saved state, and nothing that the guest could notice.

import { VMSPACE_ROOTS, VMSPACE_ROOTS_END } from "../layout";
import { VmspaceWalk } from "./vmspace-walk";

const PPN_MASK: u64 = (1 << 44) - 1;
/** Roots with the same hash share a set of so many places; the one that was not used for longest makes room. */
const WAYS: u32 = 8;

/** satp as it was last written with this table; 0: no root. */
@unmanaged
class VmspaceRoot {
  satp: u64;
  /** Writes of satp, counted: when this root was last used. */
  lastUsed: u64;
}

export const VMSPACE_ROOT_SIZE: usize = offsetof<VmspaceRoot>();
export const VMSPACE_ROOT_SATP: usize = offsetof<VmspaceRoot>("satp");
export const VMSPACE_ROOT_LAST_USED: usize = offsetof<VmspaceRoot>("lastUsed");

const SETS: u32 = <u32>((VMSPACE_ROOTS_END - VMSPACE_ROOTS) / VMSPACE_ROOT_SIZE) / WAYS;

export class VmspaceRoots {
  /** satp was written, with a mode that translates. */
  static note(satp: u64): void {
    const now = ++VmspaceWalk.at.clock;
    const ppn = satp & PPN_MASK;
    const set = <u32>((ppn * 0x9e37_79b9_7f4a_7c15) >> 32) & (SETS - 1);
    const first = VMSPACE_ROOTS + <usize>set * WAYS * VMSPACE_ROOT_SIZE;
    let oldest = changetype<VmspaceRoot>(first);
    for (let way: u32 = 0; way < WAYS; way++) {
      const root = changetype<VmspaceRoot>(first + <usize>way * VMSPACE_ROOT_SIZE);
      // Another ASID is no other space: Linux hands them out anew when it has used them up.
      if ((root.satp & PPN_MASK) == ppn && root.satp != 0) {
        root.satp = satp;
        root.lastUsed = now;
        return;
      }
      if (root.lastUsed < oldest.lastUsed) oldest = root;
    }
    oldest.satp = satp;
    oldest.lastUsed = now;
  }
}
