import { VkrunError } from "../errors.js";

/** What a port of the guest was to be bound to is not to be had. */
export function cannotOpenPort(path: string, why: string, cause?: unknown): VkrunError {
  const detail = cause instanceof Error ? `: ${cause.message}` : "";
  return new VkrunError("ERR_VKRUN_PORT_OPEN", `no port can be opened at ${path}, ${why}${detail}`, {
    hint: "Check the path, its permissions, and that nothing else is there.",
    cause,
  });
}
