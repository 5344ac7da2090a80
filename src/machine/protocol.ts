/** What the caller's thread and the vkernel's own say to each other. */
import type { CoreModule } from "../wasm/core.js";
import type { CheckpointProgress, CheckpointRequest } from "./checkpoint-request.js";
import type { WireError } from "./error-wire.js";
import type { DiskError, Exit, JitStats, MachineConfig, MemoryStats, Stats, Vmspaces } from "./machine-config.js";

/** What a vkernel begins with. */
export interface WorkerStart {
  readonly config: MachineConfig;
  /** Compiled once a process. */
  readonly module: CoreModule;
  /** Of a vkernel whose network cable ends with the embedder: what `FrameCredit` counts in. */
  readonly frames?: FrameCounts;
  /** The guest is not booted but goes on. */
  readonly thaw?: ThawStart;
}

/** A guest that goes on from a checkpoint. */
export interface ThawStart {
  readonly path: string;
  /** What became of the time in between: it has passed, or it has not. */
  readonly clock: ClockPolicy;
  /** Where the topmost files of disks are now, by the drive's index, if elsewhere. */
  readonly drives: Readonly<Record<number, string>>;
  /** The guest may write to its disks, but what it writes is kept in memory and thrown away at the end. */
  readonly snapshot: boolean;
  /** The file goes away: nothing that is written later can build upon it. */
  readonly temporary: boolean;
}

export type ClockPolicy = "step" | "keep";

export interface FrameCounts {
  readonly fromGuest: SharedArrayBuffer;
  readonly toGuest: SharedArrayBuffer;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Answers to these requests carry the same `id`. */
export interface Requests {
  memoryHash: string;
  stats: Stats;
  memoryStats: MemoryStats;
  vmspaces: Vmspaces;
  pause: null;
  resume: null;
}

export type ToWorker =
  /** The first message: before it a thread waits. */
  | { readonly type: "begin"; readonly start: WorkerStart }
  | { readonly type: "input"; readonly bytes: Uint8Array }
  /** So many bytes of console output were taken. */
  | { readonly type: "acknowledge"; readonly bytes: number }
  | { readonly type: "portInput"; readonly port: number; readonly bytes: Uint8Array }
  | { readonly type: "portAcknowledge"; readonly port: number; readonly bytes: number }
  | { readonly type: "frame"; readonly frame: Uint8Array }
  /** Of the console, or of a port from 1 on. */
  | { readonly type: "resize"; readonly columns: number; readonly rows: number; readonly port?: number }
  /** Bytes that the guest is to be left with. */
  | { readonly type: "memoryTarget"; readonly bytes: number }
  | { readonly type: "stop" }
  /** Answered like a request; before that there may be progress. */
  | { readonly type: "checkpoint"; readonly id: number; readonly request: CheckpointRequest }
  | { readonly type: "abortCheckpoint"; readonly id: number }
  | { readonly type: "request"; readonly id: number; readonly what: keyof Requests };

export type FromWorker =
  /** The thread has loaded what a vkernel needs, and waits for one. */
  | { readonly type: "ready" }
  /** The first machine is built and loaded; the guest runs. */
  | { readonly type: "started" }
  | { readonly type: "console"; readonly bytes: Uint8Array }
  | { readonly type: "port"; readonly port: number; readonly bytes: Uint8Array }
  | { readonly type: "portConsumed"; readonly port: number; readonly bytes: number }
  | { readonly type: "frame"; readonly frame: Uint8Array }
  /** So many bytes of console input went to the guest. */
  | { readonly type: "consumed"; readonly bytes: number }
  | {
      readonly type: "log";
      readonly level: LogLevel;
      readonly message: string;
      readonly fields?: Record<string, unknown>;
    }
  | { readonly type: "reset"; readonly count: number }
  | { readonly type: "jitStats"; readonly stats: JitStats }
  | { readonly type: "diskError"; readonly error: DiskError }
  | { readonly type: "checkpointProgress"; readonly id: number; readonly progress: CheckpointProgress }
  | { readonly type: "reply"; readonly id: number; readonly value: unknown }
  | { readonly type: "replyError"; readonly id: number; readonly error: WireError }
  | { readonly type: "exit"; readonly exit: Exit }
  | { readonly type: "error"; readonly error: WireError };
