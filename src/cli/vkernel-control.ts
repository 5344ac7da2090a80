/** What a running vkernel does for those who ask on its control socket. */
import { isAbsolute } from "node:path";
import { VkrunError } from "../errors.js";
import type { VKernel } from "../index.js";
import type { VKernelStatus } from "./control-protocol.js";
import type { ControlHandlers } from "./control-server.js";

export interface VKernelControl {
  /** What the vkernel is found by; not always `vkernel.name`. */
  readonly name: string;
  readonly vkernel: VKernel;
  /** Ends it, as Ctrl-A x does. */
  readonly stop: () => void;
}

export function controlHandlers({ name, vkernel, stop }: VKernelControl): ControlHandlers {
  return {
    status: async (): Promise<VKernelStatus> => {
      const { residentBytes } = await vkernel.stats();
      return {
        name,
        pid: process.pid,
        memoryBytes: vkernel.memoryBytes,
        targetBytes: vkernel.memoryTarget ?? null,
        residentBytes: residentBytes ?? null,
        uptimeSeconds: Math.floor(process.uptime()),
      };
    },
    balloon: async ({ size }) => {
      if (typeof size !== "string") throw new VkrunError("ERR_VKRUN_USAGE", "no size is given for the balloon");
      vkernel.setMemoryTarget(size);
      return { targetBytes: vkernel.memoryTarget };
    },
    checkpoint: async ({ path, exit, parent, diskIn }, { signal, onProgress }) => {
      // The client resolved it: it is not known here where that was.
      if (typeof path !== "string" || !isAbsolute(path)) {
        throw new VkrunError("ERR_VKRUN_USAGE", "a checkpoint needs an absolute path");
      }
      return vkernel.checkpoint(path, {
        exit: exit === true,
        diskIn: diskIn === true,
        ...((typeof parent === "string" || parent === true) && { parent }),
        signal,
        onProgress,
      });
    },
    vmspaces: () => vkernel.vmspaces(),
    stop: async () => stop(),
  };
}
