/** A running guest, from the caller's side. The guest itself has a thread of its own: see machine/worker.ts. */
import { EventEmitter } from "node:events";
import { resolve } from "node:path";
import type { Worker } from "node:worker_threads";
import { VkrunError } from "../errors.js";
import type { CheckpointProgress, CheckpointResult } from "../machine/checkpoint-request.js";
import { decodeError } from "../machine/error-wire.js";
import { FrameCredit } from "../machine/frame-credit.js";
import type {
  DiskError,
  Exit,
  JitStats,
  MachineConfig,
  MemoryStats,
  Stats,
  Vmspaces,
} from "../machine/machine-config.js";
import type { FrameCounts, FromWorker, Requests, ToWorker, WorkerStart } from "../machine/protocol.js";
import { Core } from "../wasm/core.js";
import { type BootOptions, type LogRecord, resolveOptions } from "./boot-options.js";
import { VKernelConsole } from "./console-stream.js";
import { childConfigs, type ForkOptions, resolveFork, startAll } from "./fork.js";
import { ForkImage } from "./fork-image.js";
import { formatMac } from "./mac-address.js";
import { parseMemoryTarget } from "./memory-size.js";
import type { PortNetworkOptions } from "./network-options.js";
import { NetworkPort } from "./network-port.js";
import { resolveThaw, type ThawOptions } from "./thaw-options.js";
import { prepareThread, takeThread } from "./vkernel-thread.js";
import { type VsockOptions, VsockPort } from "./vsock-port.js";

export interface VKernelEvents {
  /** The guest has ended. */
  exit: [exit: Exit];
  /** The vkernel failed. Without a listener, and when nobody called `wait`, it is thrown. */
  error: [error: VkrunError];
  /** The guest rebooted for the `count`th time. */
  reset: [count: number];
  /** Booted with the option `jitStats`: what compiled code was worth. Before "exit", and before each "reset". */
  "jit-stats": [stats: JitStats];
  /** A disk's file or server failed; the guest was told that its request did. */
  "disk-error": [error: DiskError];
}

/** Booted with the option `network`, of the type "port". */
export type NetworkedVKernel = VKernel & { readonly network: NetworkPort };

/** Booted with the option `vsock`. */
export type VsockVKernel = VKernel & { readonly vsock: VsockPort };

export interface CheckpointOptions {
  /** End the vkernel with it: the guest does nothing any more that the checkpoint does not hold. Default false. */
  exit?: boolean;
  /** Write only what the guest wrote since that checkpoint, its last; `true`: since its last one, or everything. */
  parent?: string | boolean;
  /** Put what the guest wrote to its disks into the file, too. Default false. */
  diskIn?: boolean;
  /**
   * The file is for now: it is not there for certain after a crash of the host, and no other checkpoint builds upon it, as upon the one
   * before. Default false.
   */
  temporary?: boolean;
  /** Calls it off: the guest goes on, and there is no file. */
  signal?: AbortSignal;
  onProgress?: (progress: CheckpointProgress) => void;
}

interface PendingRequest {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class VKernel extends EventEmitter<VKernelEvents> implements AsyncDisposable {
  readonly name: string;
  /** What the guest was booted with. */
  readonly memoryBytes: number;
  /** The guest's console: write to type, read what it prints. */
  readonly console: VKernelConsole;
  /** The guest's stream ports, by name. */
  readonly ports: ReadonlyMap<string, VKernelConsole>;
  /** The other end of the guest's network cable, where that is not the host's network or another guest. */
  readonly network: NetworkPort | undefined;
  /** Streams with programs in the guest; undefined without the option `vsock`. */
  readonly vsock: VsockPort | undefined;
  readonly #config: MachineConfig;
  readonly #log: ((record: LogRecord) => void) | undefined;
  readonly #worker: Worker;
  /** Of each port, if that is what it is bound to. */
  readonly #streams: readonly (VKernelConsole | undefined)[];
  #memoryTarget: number | undefined;
  readonly #started: Promise<void>;
  readonly #ended: Promise<Exit>;
  readonly #requests = new Map<number, PendingRequest>();
  readonly #progress = new Map<number, (progress: CheckpointProgress) => void>();
  #nextRequest = 0;
  /** The number of the last child that it was forked into. */
  #children = 0;
  #awaited = false;
  #gone = false;

  /**
   * Boots a guest and resolves as soon as it runs. Rejects with a VkrunError when it cannot: its `code` says why, its
   * `hint` what to do.
   */
  static boot(options: BootOptions & { network: true | PortNetworkOptions }): Promise<NetworkedVKernel>;
  static boot(options: BootOptions & { vsock: true | VsockOptions }): Promise<VsockVKernel>;
  static boot(options: BootOptions): Promise<VKernel>;
  static async boot(options: BootOptions): Promise<VKernel> {
    return VKernel.#start({ config: resolveOptions(options) }, options.log);
  }

  /**
   * Has a guest go on where it was at a checkpoint, and resolves as soon as it runs. The file may be thawed any number of times, also
   * at once: it stays as it is.
   */
  static async thaw(path: string, options: ThawOptions = {}): Promise<VKernel> {
    return VKernel.#start(await resolveThaw(path, options), options.log);
  }

  /**
   * Starts a thread ahead of need: the next vkernel of this process begins on it, a thawed one within milliseconds. Resolves when it
   * waits. It takes some 10 MB, and does not keep the process alive.
   */
  static prepare(): Promise<void> {
    return prepareThread();
  }

  /**
   * Has `count` guests go on from one checkpoint, each as another machine than the one that was saved. What of their memory they do not
   * write they share. All start, or none. The file may be removed then.
   */
  static async forkFrom(path: string, count: number, options: ForkOptions = {}): Promise<VKernel[]> {
    const children = await resolveFork(path, count, options);
    return startAll(children.map((child) => () => VKernel.#start(child, options.log)));
  }

  static async #start(how: Pick<WorkerStart, "config" | "thaw">, log: BootOptions["log"]): Promise<VKernel> {
    const embedded = how.config.network?.backend.type === "port";
    const frames = embedded && { fromGuest: FrameCredit.allocate(), toGuest: FrameCredit.allocate() };
    const vkernel = new VKernel({ ...how, module: await Core.load(), ...(frames && { frames }) }, log);
    await vkernel.#started;
    return vkernel;
  }

  private constructor(start: WorkerStart, log: BootOptions["log"]) {
    super();
    const { config, frames } = start;
    this.#config = config;
    this.name = config.name;
    this.memoryBytes = config.ramBytes;
    this.#memoryTarget = config.memoryTarget;
    this.#log = log;
    this.#worker = takeThread(start);
    this.console = new VKernelConsole({
      input: (bytes) => this.#post({ type: "input", bytes }, [bytes.buffer as ArrayBuffer]),
      acknowledge: (bytes) => this.#post({ type: "acknowledge", bytes }),
      resize: (columns, rows) => this.#post({ type: "resize", columns, rows }),
    });
    this.#streams = config.ports.map(({ backend }, index) =>
      backend.type === "stream" ? this.#stream(index + 1) : undefined,
    );
    this.ports = new Map(
      config.ports.flatMap(({ name }, index) => {
        const stream = this.#streams[index];
        return stream === undefined ? [] : [[name, stream]];
      }),
    );
    this.network = frames && this.#connect(config, frames);
    this.vsock = config.vsock && new VsockPort(config.vsock);
    let started: () => void = () => undefined;
    let ended: (exit: Exit) => void = () => undefined;
    let failed: (error: VkrunError) => void = () => undefined;
    this.#ended = new Promise((resolve, reject) => {
      ended = resolve;
      failed = reject;
    });
    this.#started = new Promise((resolve, reject) => {
      started = resolve;
      this.#ended.catch(reject);
    });
    this.#listen(started, ended, failed);
  }

  /** Resolves when the guest has ended; rejects when the vkernel failed. */
  wait(): Promise<Exit> {
    this.#awaited = true;
    return this.#ended;
  }

  /** Stops guest time. Resolves when the guest stands still. */
  async pause(): Promise<void> {
    await this.#request("pause");
  }

  async resume(): Promise<void> {
    await this.#request("resume");
  }

  /** Ends the guest as pulling the plug would: it is not asked. Resolves when its disks are written and closed. */
  async stop(): Promise<Exit> {
    this.#post({ type: "stop" });
    return this.wait();
  }

  stats(): Promise<Stats> {
    return this.#request("stats");
  }

  /**
   * What the guest is to be left with: bytes, or text such as "512M". Its balloon takes the rest, as far as the guest can
   * spare it, and the host gets it back.
   */
  setMemoryTarget(size: number | string): void {
    if (this.#memoryTarget === undefined) {
      throw new VkrunError("ERR_VKRUN_BALLOON_MISSING", "the guest has no balloon to change its memory with", {
        hint: "Boot it without `balloon: false`.",
      });
    }
    this.#memoryTarget = parseMemoryTarget(size, this.memoryBytes);
    this.#post({ type: "memoryTarget", bytes: this.#memoryTarget });
  }

  /** Bytes that the guest is to be left with; undefined without a balloon. */
  get memoryTarget(): number | undefined {
    return this.#memoryTarget;
  }

  /** What the guest's balloon holds, and what the guest says of its memory. */
  memoryStats(): Promise<MemoryStats> {
    return this.#request("memoryStats");
  }

  /**
   * The guest's address spaces, and how much of its memory each has, found by walking its page tables. A guest that runs meanwhile
   * changes them: pause it for sums that add up.
   */
  vmspaces(): Promise<Vmspaces> {
    return this.#request("vmspaces");
  }

  /**
   * Saves all of the guest to a file, to go on from there with `VKernel.thaw`. The guest goes on meanwhile, but for a pause of some
   * milliseconds; with `exit` the vkernel ends with it.
   */
  async checkpoint(path: string, options: CheckpointOptions = {}): Promise<CheckpointResult> {
    const { exit = false, parent, diskIn = false, temporary = false, signal, onProgress } = options;
    signal?.throwIfAborted();
    const id = this.#nextRequest;
    const parentPath = typeof parent === "string" ? resolve(parent) : parent || undefined;
    const request = {
      ...{ path: resolve(path), exit, diskIn, temporary },
      ...(parentPath !== undefined && { parent: parentPath }),
    };
    const abort = (): void => this.#post({ type: "abortCheckpoint", id });
    signal?.addEventListener("abort", abort);
    if (onProgress !== undefined) this.#progress.set(id, onProgress);
    try {
      return await this.#ask<CheckpointResult>((id) => ({ type: "checkpoint", id, request }));
    } finally {
      this.#progress.delete(id);
      signal?.removeEventListener("abort", abort);
    }
  }

  /**
   * Has `count` further guests begin where this one is now, each with a name, network address and disks of its own. This one goes on,
   * but for the pause of a checkpoint. What of their memory the children do not write they share.
   */
  async fork(count = 1, options: ForkOptions = {}): Promise<VKernel[]> {
    const first = options.first ?? this.#children + 1;
    const how = { ...options, first };
    // What cannot be is said before anything is written.
    childConfigs(this.#config, count, how);
    this.#children = Math.max(this.#children, first + count - 1);
    const { signal, onProgress } = options;
    await using image = await ForkImage.create();
    await this.checkpoint(image.path, {
      temporary: true,
      ...(signal !== undefined && { signal }),
      ...(onProgress !== undefined && { onProgress }),
    });
    return await VKernel.forkFrom(image.path, count, how);
  }

  /** SHA-256 of guest RAM. It means most while the guest is paused. */
  memoryHash(): Promise<string> {
    return this.#request("memoryHash");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A failure has been reported, or was never anybody's concern: disposing does not raise it again.
    await this.stop().catch(() => undefined);
  }

  #stream(port: number): VKernelConsole {
    return new VKernelConsole({
      input: (bytes) => this.#post({ type: "portInput", port, bytes }, [bytes.buffer as ArrayBuffer]),
      acknowledge: (bytes) => this.#post({ type: "portAcknowledge", port, bytes }),
      resize: (columns, rows) => this.#post({ type: "resize", columns, rows, port }),
    });
  }

  #connect({ network }: MachineConfig, { fromGuest, toGuest }: FrameCounts): NetworkPort | undefined {
    if (network === undefined) return undefined;
    return new NetworkPort(formatMac(network.mac), {
      post: (frame) => this.#post({ type: "frame", frame }, [frame.buffer as ArrayBuffer]),
      fromGuest: new FrameCredit(fromGuest),
      toGuest: new FrameCredit(toGuest),
    });
  }

  #listen(started: () => void, ended: (exit: Exit) => void, failed: (error: VkrunError) => void): void {
    let running = false;
    let exit: Exit | undefined;
    let failure: VkrunError | undefined;
    this.#worker.on("message", (message: FromWorker) => {
      switch (message.type) {
        case "ready":
          return;
        case "started":
          running = true;
          started();
          return;
        case "exit":
          exit = message.exit;
          return;
        case "error":
          failure = decodeError(message.error);
          return;
        default:
          this.#onMessage(message);
      }
    });
    this.#worker.on("error", (cause) => {
      failure ??= new VkrunError("ERR_VKRUN_INTERNAL", `the vkernel's thread failed: ${cause.message}`, { cause });
    });
    // The thread's end comes last: by then everything it had to say has been heard, and its files are closed.
    this.#worker.on("exit", (code) => {
      this.#gone = true;
      this.console.ended();
      for (const stream of this.#streams) stream?.ended();
      this.vsock?.[Symbol.dispose]();
      failure ??= exit === undefined ? threadDied(code) : undefined;
      if (failure === undefined) {
        ended(exit as Exit);
        this.emit("exit", exit as Exit);
      } else {
        failed(failure);
        if (running) this.#report(failure);
      }
      for (const request of this.#requests.values()) request.reject(goneError(this.name));
      this.#requests.clear();
    });
  }

  /** A turn of the event loop later: who has just been given the vkernel by `boot` must have a chance to listen, or to wait. */
  #report(failure: VkrunError): void {
    setImmediate(() => {
      if (this.listenerCount("error") > 0 || !this.#awaited) this.emit("error", failure);
    });
  }

  #onMessage(message: Exclude<FromWorker, { type: "ready" | "started" | "exit" | "error" }>): void {
    switch (message.type) {
      case "console":
        this.console.arrived(message.bytes);
        return;
      case "port":
        this.#streams[message.port - 1]?.arrived(message.bytes);
        return;
      case "portConsumed":
        this.#streams[message.port - 1]?.consumed(message.bytes);
        return;
      case "frame":
        this.network?.arrived(message.frame);
        return;
      case "consumed":
        this.console.consumed(message.bytes);
        return;
      case "reset":
        this.emit("reset", message.count);
        return;
      case "jitStats":
        this.emit("jit-stats", message.stats);
        return;
      case "diskError":
        this.emit("disk-error", message.error);
        return;
      case "log":
        this.#log?.({ level: message.level, message: message.message, fields: message.fields ?? {} });
        return;
      case "checkpointProgress":
        this.#progress.get(message.id)?.(message.progress);
        return;
      case "reply":
        this.#requests.get(message.id)?.resolve(message.value);
        this.#requests.delete(message.id);
        return;
      case "replyError":
        this.#requests.get(message.id)?.reject(decodeError(message.error));
        this.#requests.delete(message.id);
    }
  }

  #post(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    if (!this.#gone) this.#worker.postMessage(message, transfer);
  }

  #request<What extends keyof Requests>(what: What): Promise<Requests[What]> {
    return this.#ask((id) => ({ type: "request", id, what }));
  }

  #ask<Answer>(question: (id: number) => ToWorker): Promise<Answer> {
    if (this.#gone) return Promise.reject(goneError(this.name));
    const id = this.#nextRequest++;
    return new Promise<Answer>((resolve, reject) => {
      this.#requests.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#post(question(id));
    });
  }
}

function threadDied(code: number): VkrunError {
  return new VkrunError("ERR_VKRUN_INTERNAL", `the vkernel's thread ended without a word (status ${code})`);
}

function goneError(name: string): VkrunError {
  return new VkrunError("ERR_VKRUN_ENDED", `the vkernel "${name}" has ended`);
}
