/** Which form of the hot paths a machine runs: the core's own, or their TypeScript twins over the same memory. */
import type { VirtqueueExports } from "../devices/virtio/virtqueue-core.js";
import { Layout } from "../generated/layout.js";
import type { ReferenceWalk } from "../reference/walk.js";
import type { BitmapOperations } from "../wasm/bitmap-operations.js";
import type { Core, CoreHost } from "../wasm/core.js";
import type { HotPath } from "./machine-config.js";

export interface HotPaths {
  readonly virtqueues: VirtqueueExports;
  readonly bitmaps: BitmapOperations;
}

/** The core calls this for every walk of the hart, once there is a twin to make it. */
export class HostWalk {
  #walk: ((hart: number, vaLow: number, vaHigh: number, access: number, privilege: number) => number) | undefined;

  /** For Core.instantiate, which wants its host before there is memory to walk. */
  readonly import: NonNullable<CoreHost["hostWalk"]> = (hart, vaLow, vaHigh, access, privilege) => {
    if (this.#walk === undefined) throw new Error("a walk was asked for that nobody makes");
    return this.#walk(hart, vaLow, vaHigh, access, privilege);
  };

  connect(core: Core, walk: ReferenceWalk): void {
    const { words } = core;
    const found = Layout.WALK.FOUND >>> 2;
    this.#walk = (hart, vaLow, vaHigh, access, privilege) => {
      const walked = walk.run(hart, vaLow, vaHigh, access, privilege);
      words[found] = walk.gpaLow;
      words[found + 1] = walk.gpaHigh;
      words[found + 2] = walk.level;
      words[found + 3] = walk.global;
      return walked;
    };
    core.exports.setHostWalk(1);
  }
}

export async function hotPaths(core: Core, kind: HotPath, hostWalk: HostWalk): Promise<HotPaths> {
  if (kind === "wasm") return { virtqueues: core.exports as unknown as VirtqueueExports, bitmaps: core.exports };
  const [{ ReferenceBitmaps }, { GuestRam }, { referenceVirtqueues }, { ReferenceWalk }] = await Promise.all([
    import("../reference/bitmaps.js"),
    import("../reference/guest-ram.js"),
    import("../reference/virtqueues.js"),
    import("../reference/walk.js"),
  ]);
  const ram = new GuestRam(core.memory.buffer, core.ramBytes, core.exports);
  hostWalk.connect(core, new ReferenceWalk(ram));
  return { virtqueues: referenceVirtqueues(ram), bitmaps: new ReferenceBitmaps(core.memory.buffer) };
}
