/** The public API. */

export type { BootOptions, LogRecord } from "./api/boot-options.js";
export {
  type CheckpointDifference,
  type CheckpointFileOptions,
  type CheckpointOutputOptions,
  compressCheckpoint,
  diffCheckpoints,
  exportCheckpointRam,
  type MergedCheckpoint,
  mergeCheckpoint,
  type PageRun,
  removeCheckpoint,
  verifyCheckpoint,
  type WrittenCheckpoint,
} from "./api/checkpoint-files.js";
export {
  type CheckpointInspection,
  type CheckpointLink,
  type InspectedConsole,
  type InspectedDevice,
  type InspectedDisk,
  type InspectedNetwork,
  inspectCheckpoint,
} from "./api/checkpoint-inspection.js";
export type { VKernelConsole } from "./api/console-stream.js";
export type { DriveBackend } from "./api/drive-backend.js";
export type { BackendDriveOptions, DriveOptions } from "./api/drive-options.js";
export type { ForkOptions } from "./api/fork.js";
export type {
  LinkNetworkOptions,
  NetworkOptions,
  PortNetworkOptions,
  TapNetworkOptions,
  UserNetworkOptions,
} from "./api/network-options.js";
export type { NetworkPort, NetworkPortEvents } from "./api/network-port.js";
export type { PortOptions } from "./api/port-options.js";
export type { ShareOptions } from "./api/share-options.js";
export type { ThawOptions } from "./api/thaw-options.js";
export {
  type CheckpointOptions,
  type NetworkedVKernel,
  VKernel,
  type VKernelEvents,
  type VsockVKernel,
} from "./api/vkernel.js";
export type { VsockOptions, VsockPort } from "./api/vsock-port.js";
export type { FieldDifference, PlainValue } from "./checkpoint/compare-state.js";
export type { Damage } from "./checkpoint/verify.js";
export { VkrunError, type VkrunErrorCode, type VkrunErrorOptions } from "./errors.js";
export type { CheckpointProgress, CheckpointResult } from "./machine/checkpoint-request.js";
export type {
  AddressSpaceMode,
  BalloonStats,
  ConsoleKind,
  ConsoleSize,
  DiskError,
  Exit,
  ExitReason,
  HotPath,
  HotRegion,
  JitMode,
  JitStats,
  MemoryStats,
  ShareOwners,
  Stats,
  VirtioCounters,
  Vmspace,
  Vmspaces,
} from "./machine/machine-config.js";
export type { LogLevel } from "./machine/protocol.js";
