import { VkrunError } from "../../errors.js";
import type { DeviceContext } from "../device.js";
import type { VirtqRequest } from "./virtq-request.js";
import type { Virtqueue } from "./virtqueue.js";

/** What a device asks of the transport that carries it. */
export interface VirtioTransport {
  readonly queues: readonly Virtqueue[];
  /** DRIVER_OK is set and DEVICE_NEEDS_RESET is not: buffers may be used and notifications sent. */
  readonly running: boolean;
  /** Whether feature `bit` was negotiated. */
  negotiated(bit: number): boolean;
  /** Raises the used buffer notification. */
  notifyUsed(): void;
  /** The configuration space changed: new generation, configuration change notification. */
  notifyConfig(): void;
  /** The driver broke the rules: DEVICE_NEEDS_RESET (2.1.2). */
  needsReset(reason: string): void;
}

/** What has happened to a device since it was built; for logs, statistics and tests, the guest never sees it. */
export interface VirtioCounters {
  /** Notifications from the driver. */
  kicks: number;
  /** Requests completed. */
  requests: number;
  /** Used buffer notifications to the driver. */
  interrupts: number;
  /** Times that the driver reset the device, or one of its queues. */
  resets: number;
  /** Times that the driver broke a queue or a request beyond answering. */
  broken: number;
  /** Host I/O that failed. */
  ioErrors: number;
  /** Packets or input that had to be thrown away. */
  dropped: number;
  /** The last reason for any of these. */
  lastReason: string | undefined;
}

/** A device's section of a checkpoint. */
export interface SavedDevice {
  readonly version: number;
  readonly serials: Readonly<Record<string, number>>;
  readonly frozen: boolean;
  readonly continuing: readonly number[];
  /** What the device itself gave. */
  readonly state: Record<string, unknown>;
}

/**
 * What is common to virtio devices whatever carries them (virtio 1.2, chapter 2): features on offer, configuration space,
 * queues and their requests. A device names its queues and says what to do with a request.
 */
export abstract class VirtioDevice {
  /** Chapter 5. */
  abstract readonly deviceId: number;
  /** Device-specific feature bits on offer (0 to 23 and 50 up). Those of rings and transport are not the device's. */
  abstract readonly features: readonly number[];
  /** QueueNumMax, a queue each. */
  abstract readonly queueSizes: readonly number[];
  /** Configuration space as the driver reads it. */
  abstract readonly config: Uint8Array;

  readonly counters: VirtioCounters = {
    kicks: 0,
    requests: 0,
    interrupts: 0,
    resets: 0,
    broken: 0,
    ioErrors: 0,
    dropped: 0,
    lastReason: undefined,
  };
  #transport: VirtioTransport | undefined;
  /** Numbers given out so far, by kind of event. */
  #serials: Record<string, number> = {};
  /** Queues that will be looked at again between slices. */
  readonly #continuing = new Set<number>();
  #frozen = false;
  readonly #operations = new Set<Promise<void>>();

  constructor(
    readonly name: string,
    protected readonly context: DeviceContext,
  ) {}

  /** Called once, by the transport that carries the device. */
  attach(transport: VirtioTransport): void {
    if (this.#transport !== undefined) throw new RangeError(`${this.name} is attached to a transport already`);
    this.#transport = transport;
  }

  /** Requests may be waiting in queue `index`. Called with a running transport only. */
  abstract handleQueue(index: number): void;

  /** The driver (or power) reset the device; all requests are void. */
  abstract reset(): void;

  /** The driver took queue `index` out of service; its requests are void, those of other queues are not (2.6.1). */
  resetQueue(_index: number): void {}

  /** Whether the device can work with this choice of what it offers (2.2.2): some features need others. */
  acceptable(_negotiated: (bit: number) => boolean): boolean {
    return true;
  }

  /** The driver set DRIVER_OK: from here on there may be notifications. Queues are handled right after. */
  driverReady(): void {}

  /** Counts up when what `saveDevice` gives changes its meaning. A state of another version is not restored. */
  readonly stateVersion: number = 1;

  /** Keyed plain data: what `restore` needs besides the transport's and the queues' state. */
  abstract saveDevice(): Record<string, unknown>;
  abstract restoreDevice(state: Record<string, unknown>): void;

  /** The driver wrote the configuration space; most devices have nothing there to be written (2.5). */
  writeConfig(_offset: number, _size: number, _value: number): void {}

  /** Whether host I/O is under way whose result has not been posted to the input gate. */
  get busy(): boolean {
    return this.#operations.size > 0;
  }

  /** Resolves when no host I/O is under way and its results have been posted to the input gate. */
  async quiesce(): Promise<void> {
    while (this.#operations.size > 0) await Promise.all(this.#operations);
  }

  /** Host I/O has begun: `operation` settles when its result has been posted, and does not reject. */
  protected underWay(operation: Promise<void>): void {
    this.#operations.add(operation);
    void operation.finally(() => this.#operations.delete(operation));
  }

  /**
   * Takes no further requests until `thaw`: those under way are finished, and what else the driver offers stays in its
   * rings. With a frozen device, host I/O and the input gate run dry, so that there is nothing but the state to save.
   */
  freeze(): void {
    this.#frozen = true;
  }

  /** Goes on where `freeze` left off; also after `restore`, for a device is restored frozen or not as it was saved. */
  thaw(): void {
    if (!this.#frozen) return;
    this.#frozen = false;
    for (const { index, ready } of this.transport.queues) {
      if (ready && this.transport.running) this.handleQueue(index);
    }
  }

  save(): SavedDevice {
    return {
      version: this.stateVersion,
      serials: { ...this.#serials },
      frozen: this.#frozen,
      continuing: [...this.#continuing],
      state: this.saveDevice(),
    };
  }

  restore(saved: SavedDevice): void {
    if (saved.version !== this.stateVersion) throw foreignState(this.name, saved.version, this.stateVersion);
    this.#serials = { ...saved.serials };
    this.#frozen = saved.frozen;
    this.#continuing.clear();
    this.restoreDevice(saved.state);
    for (const index of saved.continuing) this.continueLater(index);
  }

  protected get transport(): VirtioTransport {
    if (this.#transport === undefined) throw new Error(`${this.name} is not attached to a transport`);
    return this.#transport;
  }

  protected queue(index: number): Virtqueue {
    const queue = this.transport.queues[index];
    if (queue === undefined) throw new RangeError(`${this.name} has no queue ${index}`);
    return queue;
  }

  /**
   * A label for the input gate, unique in the life of the machine, resets included. Kinds are counted apart, so that the
   * numbers of what the guest causes do not depend on what the host does.
   */
  protected nextLabel(kind?: string): string {
    const prefix = kind === undefined ? this.name : `${this.name}:${kind}`;
    const serial = this.#serials[prefix] ?? 0;
    this.#serials[prefix] = serial + 1;
    return `${prefix}:${serial}`;
  }

  /** The next request of queue `index`. Reports a broken queue. */
  protected pop(index: number): VirtqRequest | undefined {
    if (this.#frozen || !this.transport.running) return undefined;
    const queue = this.queue(index);
    if (!queue.ready || queue.broken !== undefined) return undefined;
    const request = queue.pop();
    if (request === undefined && queue.broken !== undefined) this.fail(`queue ${index}: ${queue.broken}`);
    return request;
  }

  /**
   * Hands requests of queue `index` to `handle` until there are none or it answers false. One call takes at most
   * as many as the queue holds: where rings and buffers overlap, the device's own writes may offer it new requests for ever.
   * What is left then is continued between slices, so the guest can only waste its own time.
   */
  protected drain(index: number, handle: (request: VirtqRequest) => boolean): void {
    // One more than the queue holds, so that the usual end is to find it empty, which asks the driver for notifications.
    for (let left = this.queue(index).maxSize; left >= 0; left--) {
      const request = this.pop(index);
      if (request === undefined) {
        this.flush(index);
        return;
      }
      if (!handle(request)) {
        this.flush(index);
        return;
      }
    }
    this.flush(index);
    this.continueLater(index);
  }

  /** Looks at queue `index` again between slices, once however often it is asked for; a frozen device looks when it thaws. */
  protected continueLater(index: number): void {
    if (this.#frozen || this.#continuing.has(index)) return;
    this.#continuing.add(index);
    this.context.input.post(this.nextLabel("continue"), () => {
      this.#continuing.delete(index);
      if (this.transport.running) this.handleQueue(index);
    });
  }

  /** Whether the driver still waits for `request`: there was no reset, and the device did not have to give up. */
  protected live(index: number, request: VirtqRequest): boolean {
    return this.transport.running && this.queue(index).owns(request);
  }

  /** Completes a request. Interrupts the driver only at the next `flush`. */
  protected complete(index: number, request: VirtqRequest, written: number): void {
    if (!this.live(index, request)) return;
    this.counters.requests++;
    this.queue(index).push(request, written);
  }

  /** Interrupts the driver if it is owed one, after a batch of completions. */
  protected flush(index: number): void {
    if (!this.transport.running || !this.queue(index).interruptDue()) return;
    this.counters.interrupts++;
    this.transport.notifyUsed();
  }

  /** The driver did what it must not. The device stops until it is reset. */
  fail(reason: string): void {
    this.counters.broken++;
    this.counters.lastReason = reason;
    this.transport.needsReset(reason);
  }
}

/** A saved state of `name` is of a version that this vkrun does not know. */
export function foreignState(name: string, version: unknown, known: number): VkrunError {
  return new VkrunError(
    "ERR_VKRUN_CHECKPOINT_INVALID",
    `the saved state of ${name} has version ${String(version)}, this vkrun has ${known}`,
    { hint: "Restore it with the vkrun that saved it." },
  );
}
