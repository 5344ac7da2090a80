/*
 * The linear memory of a vkernel. Written here once; the TypeScript side is generated from the exports.
 *
 *   0x0000_0400  data of the module itself (asc --memoryBase)
 *   0x0001_0000  Hart[MAX_HARTS]                HART_STRIDE apart
 *   0x0002_0000  Machine: RAM size, code cache cursors
 *   0x0002_8000  VmspaceRoot[]                  tables that satp pointed to, and behind them the walk at hand
 *   0x0003_0000  the compiler's graph of the region at hand, and what waits to be compiled
 *   0x0010_0000  TLB contexts                   MAX_HARTS * TLB_CONTEXTS * TLB_CONTEXT_SIZE
 *   0x0080_0000  dirty bitmap                   one bit a RAM page: written since last cleared
 *   0x0082_0000  spare bitmap                   the same shape, for whoever on the host works with sets of pages
 *   0x0083_c000  virtqueue batch                (record, bytes written) in u32, of requests that come or go together
 *   0x0083_e000  walk found                     by the host, where it makes the hart's walks
 *   0x0084_0000  runs                           what a scan of a bitmap found: (first page, how many) in u32
 *   0x0086_0000  walk batch                     (va, result) in u64, of translations that are asked for together
 *   0x0088_0000  code page index                one u32 a RAM page: its CodePage, or 0
 *   0x00c0_0000  the compiler's buffers: a body, the code section and branch hints it goes into, and their module
 *   0x0100_0000  virtqueues and their requests
 *   0x0200_0000  writable map                   one byte a RAM page: 1 while some store TLB may hold it
 *   0x0210_0000  CodePage[]                     one for each RAM page that code ran from
 *   0x0800_0000  predecoded operations          bump-allocated, dropped as a whole when full
 *   0x0eb0_0000  written bitmap                 written since the machine's start, but for what is in the dirty bitmap alone
 *   0x0eb2_0000  changed bitmap                 written since the last checkpoint, with the same exception
 *   0x0eb4_0000  pending bitmap                 to be written by the checkpoint under way, and not copied
 *   0x0eb6_0000  u32[COPY_SLOTS]                the pages whose copies are in the copy area
 *   0x0ec0_0000  copy area                      pages as they were at the checkpoint under way
 *   0x0fc0_0000  page counts                    two u16 a RAM page: who maps it, while address spaces are measured
 *   0x1000_0000  guest RAM                      guest-physical 0x8000_0000
 */

export const MAX_HARTS: u32 = 4;
export const HART_BASE: usize = 0x0001_0000;
export const HART_STRIDE: usize = 0x2000;

export const MACHINE_BASE: usize = 0x0002_0000;

export const VMSPACE_ROOTS: usize = 0x0002_8000;
export const VMSPACE_ROOTS_END: usize = 0x0002_c000;
export const VMSPACE_WALK: usize = 0x0002_c000;

export const JIT_GRAPH: usize = 0x0003_0000;
export const JIT_QUEUE: usize = 0x0003_8000;

export const TLB_BASE: usize = 0x0010_0000;
export const TLB_CONTEXTS: u32 = 32;
export const TLB_CONTEXT_SIZE: usize = 0xd000;

export const DIRTY_BITMAP: usize = 0x0080_0000;
export const BITMAP_SPARE: usize = 0x0082_0000;
export const BITMAP_RUNS: usize = 0x0084_0000;
export const BITMAP_RUNS_END: usize = 0x0086_0000;
export const VIRTQ_BATCH: usize = 0x0083_c000;
export const VIRTQ_BATCH_ENTRIES: u32 = 1024;
export const WALK_BATCH: usize = 0x0086_0000;
export const WALK_BATCH_ENTRIES: u32 = 0x2000;
export const WALK_ENTRY_BYTES: usize = 16;
/** What a walk that the host made found, when it makes the hart's (walk-host.ts): u64 gpa, u32 level, u32 global. */
export const WALK_FOUND: usize = 0x0083_e000;
export const CODE_PAGE_INDEX: usize = 0x0088_0000;

export const JIT_BODY: usize = 0x00c0_0000;
export const JIT_MARKS: usize = 0x00c6_0000;
export const JIT_HINTS: usize = 0x00c8_0000;
export const JIT_CODE: usize = 0x00d0_0000;
export const JIT_CODE_END: usize = 0x00e4_0000;
export const JIT_MODULE: usize = 0x00e4_0000;
export const JIT_MODULE_END: usize = 0x0100_0000;

export const VIRTQ_BASE: usize = 0x0100_0000;
export const VIRTQ_END: usize = 0x0200_0000;

export const WRITABLE_MAP: usize = 0x0200_0000;

export const CODE_PAGES: usize = 0x0210_0000;
export const CODE_PAGES_END: usize = 0x0800_0000;
export const OPS_BASE: usize = 0x0800_0000;
export const OPS_END: usize = 0x0eb0_0000;

export const WRITTEN_BITMAP: usize = 0x0eb0_0000;
export const CHANGED_BITMAP: usize = 0x0eb2_0000;
export const PENDING_BITMAP: usize = 0x0eb4_0000;
export const COPY_PAGES: usize = 0x0eb6_0000;
export const COPY_AREA: usize = 0x0ec0_0000;
export const COPY_SLOTS: u32 = 4096;

export const VMSPACE_PAGES: usize = 0x0fc0_0000;
export const VMSPACE_PAGES_END: usize = 0x1000_0000;

export const RAM_OFFSET: usize = 0x1000_0000;
export const RAM_BASE: u64 = 0x8000_0000;
/** RAM has to fit a 32-bit linear memory behind RAM_OFFSET. */
export const RAM_MAX: u32 = 0xe000_0000;

export const PAGE_SHIFT: u32 = 12;
export const PAGE_SIZE: u32 = 1 << PAGE_SHIFT;
export const PAGE_OFFSET_MASK: u64 = 0xfff;
export const PAGE_MASK: u64 = ~PAGE_OFFSET_MASK;
