/** What a running vkernel does for those who ask on its control socket. */
import { isAbsolute } from "node:path";
import { VkrunError } from "../errors.js";
import type { VKernel } from "../index.js";
import type { VKernelStatus } from "./control-protocol.js";
import { type ControlHandlers, Takeover } from "./control-server.js";
import type { DetachedConsole } from "./detached-console.js";

export interface VKernelControl {
  /** What the vkernel is found by; not always `vkernel.name`. */
  readonly name: string;
  readonly vkernel: VKernel;
  /** Ends it, as Ctrl-A x does. */
  readonly stop: () => void;
  /** Of a vkernel that has no terminal of its own. */
  readonly console?: DetachedConsole;
}

export function controlHandlers({ name, vkernel, stop, console }: VKernelControl): ControlHandlers {
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
    console: async () => {
      if (console !== undefined) return new Takeover((socket) => console.attach(socket));
      throw new VkrunError("ERR_VKRUN_CONSOLE_TAKEN", `the console of "${name}" is where it was started`, {
        hint: "Only vkernels that run in the background, such as the children of `vkrun fork`, can be connected to.",
      });
    },
    resize: async ({ columns, rows }) => vkernel.console.resize(Number(columns), Number(rows)),
    checkpoint: async ({ path, exit, parent, diskIn, temporary }, { signal, onProgress }) => {
      // The client resolved it: it is not known here where that was.
      if (typeof path !== "string" || !isAbsolute(path)) {
        throw new VkrunError("ERR_VKRUN_USAGE", "a checkpoint needs an absolute path");
      }
      return vkernel.checkpoint(path, {
        exit: exit === true,
        diskIn: diskIn === true,
        temporary: temporary === true,
        ...((typeof parent === "string" || parent === true) && { parent }),
        signal,
        onProgress,
      });
    },
    vmspaces: () => vkernel.vmspaces(),
    stop: async () => stop(),
  };
}
