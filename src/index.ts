/** The public API. */

export type { BootOptions, DriveOptions, LogRecord } from "./api/boot-options.js";
export type { VKernelConsole } from "./api/console-stream.js";
export { VKernel, type VKernelEvents } from "./api/vkernel.js";
export { VkrunError, type VkrunErrorCode, type VkrunErrorOptions } from "./errors.js";
export type { ConsoleKind, ConsoleSize, Exit, ExitReason, JitMode, Stats } from "./machine/machine-config.js";
export type { LogLevel } from "./machine/protocol.js";
