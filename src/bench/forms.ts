/** The two forms of the hot paths, each over a memory of its own, behind the same functions. */
import type { VirtqueueExports } from "../devices/virtio/virtqueue-core.js";
import { ReferenceBitmaps } from "../reference/bitmaps.js";
import { GuestRam } from "../reference/guest-ram.js";
import { referenceVirtqueues } from "../reference/virtqueues.js";
import { ReferenceWalk } from "../reference/walk.js";
import type { BitmapOperations } from "../wasm/bitmap-operations.js";
import { Core, type CoreHost } from "../wasm/core.js";

export const FORMS = ["wasm", "ts"] as const;
export type Form = (typeof FORMS)[number];

/** As the core's export of that name. */
export type WalkBatch = (hart: number, batch: number, count: number, access: number, privilege: number) => void;

/** What a case works with: a machine that runs nothing, and one form of the hot paths in its memory. */
export interface Workbench {
  readonly core: Core;
  readonly hart: number;
  readonly bitmaps: BitmapOperations;
  readonly virtqueues: VirtqueueExports;
  readonly walkBatch: WalkBatch;
}

const SUPERVISOR = 1;
const NO_DEVICES: CoreHost = {
  mmioLoad: () => 0,
  mmioStore: () => {},
  consoleWrite: () => {},
  consoleRead: () => 0,
};

/** RAM that nobody touches costs address space only. */
export async function createWorkbench(form: Form, ramBytes: number): Promise<Workbench> {
  const core = await Core.instantiate(await Core.load(), Core.allocate(ramBytes), ramBytes, NO_DEVICES);
  const { exports } = core;
  const hart = exports.hart(0);
  // With the built-in SBI, as Linux is started: PMP is open, and walks ask for nothing but the tables.
  exports.resetHart(hart, 0x8000_0000n, SUPERVISOR, 0n, 0n, 1);
  if (form === "wasm") {
    const virtqueues = exports as unknown as VirtqueueExports;
    return { core, hart, bitmaps: exports, virtqueues, walkBatch: exports.walkBatch };
  }
  const ram = new GuestRam(core.memory.buffer, ramBytes, exports);
  const walk = new ReferenceWalk(ram);
  return {
    core,
    hart,
    bitmaps: new ReferenceBitmaps(core.memory.buffer),
    virtqueues: referenceVirtqueues(ram),
    walkBatch: (at, batch, count, access, privilege) => walk.walkBatch(at, batch, count, access, privilege),
  };
}
