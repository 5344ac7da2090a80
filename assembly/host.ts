// Everything the machine asks of its host, and nothing else. asc places these in the import module "env".
// Calls are synchronous and happen on the vkernel's own thread, in the middle of a guest instruction.

import { Hart } from "./hart/hart";

/** Reads `size` (1, 2 or 4) bytes of a device register at guest-physical `gpa`. Eight-byte accesses come as two. */
// @ts-expect-error asc turns a bodyless declaration into an import
@external("env", "mmioLoad")
export declare function mmioLoad(gpa: u32, size: u32): u32;

/** Writes `size` (1, 2 or 4) bytes of a device register. */
// @ts-expect-error see above
@external("env", "mmioStore")
export declare function mmioStore(gpa: u32, size: u32, value: u32): void;

/** SBI debug console output: `length` bytes at linear-memory offset `address`. */
// @ts-expect-error see above
@external("env", "consoleWrite")
export declare function consoleWrite(address: u32, length: u32): void;

/**
 * Compiles the wasm module at `address`, which exports `count` regions as "0", "1" and so on, puts them into the table the core
 * imports, in order, and answers the index of the first; 0 when that failed.
 */
// @ts-expect-error see above
@external("env", "jitInstall")
export declare function jitInstall(address: u32, length: u32, count: u32): u32;

/** No region that was installed will be entered again. */
// @ts-expect-error see above
@external("env", "jitForget")
export declare function jitForget(): void;

/** Bytes [offset, offset + length) of RAM were written by something else than a store; only if asked for (`watchRam`). */
// @ts-expect-error see above
@external("env", "ramWrote")
export declare function ramWrote(offset: u32, length: u32): void;

/**
 * The copy area is full: the host takes the copies and sets their number (CHECKPOINT_COPIES) to 0.
 */
// @ts-expect-error see above
@external("env", "copiesFull")
export declare function copiesFull(): void;

/**
 * Makes a walk of the hart, if it was asked to (`setHostWalk`), and answers how it ended (Walked); what it found is then at WALK_FOUND.
 */
// @ts-expect-error see above
@external("env", "hostWalk")
export declare function hostWalk(hart: Hart, vaLow: u32, vaHigh: u32, access: u32, privilege: u32): u32;

/** SBI debug console input: fills at most `length` bytes, answers how many. */
// @ts-expect-error see above
@external("env", "consoleRead")
export declare function consoleRead(address: u32, length: u32): u32;
