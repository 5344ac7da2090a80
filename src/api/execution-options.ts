/** How the machine's work is done. The guest cannot tell. */
import { VkrunError } from "../errors.js";
import type { HotPath, JitMode } from "../machine/machine-config.js";

export interface Execution {
  readonly jit: JitMode;
  readonly hotPath: HotPath;
}

/** What is not said is as in `otherwise`. */
export function resolveExecution(
  { jit, hotPath }: { readonly jit?: JitMode; readonly hotPath?: HotPath },
  otherwise: Execution,
): Execution {
  const execution = { jit: jit ?? otherwise.jit, hotPath: hotPath ?? otherwise.hotPath };
  if (!["on", "off", "verify"].includes(execution.jit)) {
    throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `there is no JIT mode "${String(jit)}"`, {
      hint: 'Use "on", "off" or "verify".',
    });
  }
  if (!["wasm", "ts"].includes(execution.hotPath)) {
    throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `there is no hot path "${String(hotPath)}"`, {
      hint: 'Use "wasm" or "ts".',
    });
  }
  if (execution.hotPath === "ts" && execution.jit === "verify") {
    throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", "compiled code is verified with the hot paths of the core alone", {
      hint: 'Leave out hotPath ("--hot-path ts"), or verify nothing.',
    });
  }
  return execution;
}
