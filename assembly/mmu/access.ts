/** Kinds of memory access; what a page-table entry, PMP or a fault distinguishes. */
export const enum Access {
  LOAD = 0,
  STORE = 1,
  FETCH = 2,
}
