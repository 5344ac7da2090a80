// What the host calls to measure the guest's address spaces, and where the answers lie.

import { VMSPACE_WALK } from "../layout";
import { VmspaceStep, VmspaceWalk } from "./vmspace-walk";

export { VMSPACE_ROOT_LAST_USED, VMSPACE_ROOT_SATP, VMSPACE_ROOT_SIZE } from "./vmspace-roots";

export const VMSPACE_MAPPED: usize = VMSPACE_WALK + offsetof<VmspaceWalk>("mapped");
export const VMSPACE_ACCESSED: usize = VMSPACE_WALK + offsetof<VmspaceWalk>("accessed");
export const VMSPACE_DIRTY: usize = VMSPACE_WALK + offsetof<VmspaceWalk>("dirty");
export const VMSPACE_RESIDENT: usize = VMSPACE_WALK + offsetof<VmspaceWalk>("resident");
export const VMSPACE_SHARED: usize = VMSPACE_WALK + offsetof<VmspaceWalk>("shared");
export const VMSPACE_PROPORTIONAL: usize = VMSPACE_WALK + offsetof<VmspaceWalk>("proportional");
export const VMSPACE_TABLES: usize = VMSPACE_WALK + offsetof<VmspaceWalk>("tables");
export const VMSPACE_CLOCK: usize = VMSPACE_WALK + offsetof<VmspaceWalk>("clock");

/** Before the first walk of all: nobody has any page. */
export function vmspaceClear(): void {
  VmspaceWalk.clear();
}

/**
 * Begins a walk of entries [first, end) of the root of `satp`. `id`, from 1 to 65535, is of no other walk since `vmspaceClear`.
 * `counts`: note that this space has what it maps; otherwise sum up. 0: there is no such table in RAM.
 */
export function vmspaceOpen(satp: u64, first: u32, end: u32, id: u32, counts: u32): u32 {
  return VmspaceWalk.open(satp, first, end, id, counts) ? 1 : 0;
}

/** Goes on: 0 it is done, 1 there is more, 2 this space has no end and was given up. */
export function vmspaceStep(work: u32): u32 {
  return <u32>VmspaceWalk.step(work);
}

/** VmspaceStep as the host knows it. */
export const VMSPACE_DONE: u32 = VmspaceStep.DONE;
export const VMSPACE_ENDLESS: u32 = VmspaceStep.ENDLESS;
