/** Measures the guest's address spaces: the functions of assembly/mmu/vmspace-exports.ts. */
export interface VmspaceOperations {
  /** Before the first walk of all. */
  vmspaceClear(): void;
  /** Begins at entries [first, end) of the root of `satp`, under an id of its own from 1 to 65535; 0: there is no table. */
  vmspaceOpen(satp: bigint, first: number, end: number, id: number, counts: number): number;
  /** Goes on for so much work: Layout.VMSPACE.DONE, .ENDLESS, or there is more. Sums are at Layout.VMSPACE. */
  vmspaceStep(work: number): number;
}
