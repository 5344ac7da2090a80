import { VkrunError } from "../../errors.js";
import { VirtqError, VirtqFeature, VirtqPop } from "../../generated/shared/virtq.js";
import { VirtqRequest } from "./virtq-request.js";
import { VIRTQ_ERRORS, type VirtqueueCore } from "./virtqueue-core.js";

/** What was negotiated of VIRTIO_F_INDIRECT_DESC, VIRTIO_F_EVENT_IDX and VIRTIO_F_RING_PACKED. */
export interface VirtqueueFeatures {
  readonly indirect: boolean;
  readonly eventIdx: boolean;
  readonly packed: boolean;
}

/** The addresses and size that a driver gave a queue; of a packed one, those of the ring and of both event suppressions. */
export interface VirtqueueLayout {
  readonly size: number;
  readonly desc: bigint;
  readonly avail: bigint;
  readonly used: bigint;
}

/** A queue of a device: a handle on its state in linear memory. */
export class Virtqueue {
  /** VirtqError that broke it, as a name; set until the next reset. */
  broken: string | undefined;
  /** Set when `pop` gave nothing for want of room: to be tried again after the next push. */
  starved = false;
  ready = false;
  readonly #address: number;
  #epoch = 0;

  constructor(
    readonly core: VirtqueueCore,
    slot: number,
    readonly index: number,
    /** QueueNumMax. */
    readonly maxSize: number,
  ) {
    this.#address = core.virtqAddress(slot, index);
    if (this.#address === 0) throw new RangeError(`no virtqueue ${index} in slot ${slot}`);
  }

  /** Back to power-on state. Requests not yet pushed are void from here on. */
  reset(): void {
    this.#epoch++;
    this.broken = undefined;
    this.starved = false;
    this.ready = false;
    this.core.virtqReset(this.#address);
  }

  /** Puts the queue into service; false if the driver's layout is impossible (`broken` says why). */
  start(layout: VirtqueueLayout, features: VirtqueueFeatures): boolean {
    this.reset();
    const bits =
      (features.indirect ? VirtqFeature.INDIRECT_DESC : 0) |
      (features.eventIdx ? VirtqFeature.EVENT_IDX : 0) |
      (features.packed ? VirtqFeature.PACKED : 0);
    const { size, desc, avail, used } = layout;
    const error = this.core.virtqStart(this.#address, size, desc, avail, used, bits);
    if (error !== VirtqError.NONE) this.broken = errorName(error);
    this.ready = error === VirtqError.NONE;
    return this.ready;
  }

  /** The next request, if there is one that can be taken on. Sets `broken` or `starved` when that is why not. */
  pop(): VirtqRequest | undefined {
    const answer = this.core.virtqPop(this.#address);
    this.starved = answer === VirtqPop.FULL;
    if (answer > VirtqPop.FULL) return new VirtqRequest(this.core, answer, this.#epoch);
    if (answer !== VirtqPop.EMPTY && answer !== VirtqPop.FULL) this.broken = errorName(-answer);
    return undefined;
  }

  /** Whether `request` still belongs to the queue as it runs now. */
  owns(request: VirtqRequest): boolean {
    return request.epoch === this.#epoch;
  }

  /** Completes a request; `written` bytes of its writable part were filled. A request from before a reset is dropped. */
  push(request: VirtqRequest, written: number): void {
    if (this.owns(request)) this.core.virtqPush(this.#address, request.record, written);
  }

  /** Whether the driver is owed an interrupt for what was pushed since this was last asked. */
  interruptDue(): boolean {
    return this.core.virtqInterruptDue(this.#address) !== 0;
  }

  save(): Uint8Array {
    return new Uint8Array(this.core.buffer, this.#address, this.core.virtqSavedLength(this.#address)).slice();
  }

  restore(state: Uint8Array, ready: boolean): void {
    this.reset();
    const limit = this.core.virtqSavedLimit();
    if (state.length > limit) throw corrupt("it is too long");
    new Uint8Array(this.core.buffer, this.#address, state.length).set(state);
    const error = this.core.virtqRestored(this.#address);
    if (error !== VirtqError.NONE) {
      this.reset();
      throw corrupt(errorName(error));
    }
    this.ready = ready;
  }

  /** Requests popped and not yet pushed, oldest first: what a device takes up again after `restore`. */
  underWay(): VirtqRequest[] {
    const requests: VirtqRequest[] = [];
    for (;;) {
      const record = this.core.virtqUnderWay(this.#address, requests.length);
      if (record === 0) return requests;
      requests.push(new VirtqRequest(this.core, record, this.#epoch));
    }
  }
}

function errorName(error: number): string {
  return VIRTQ_ERRORS[error] ?? `error ${error}`;
}

function corrupt(what: string): VkrunError {
  return new VkrunError("ERR_VKRUN_CHECKPOINT_INVALID", `a saved virtqueue cannot be restored: ${what}`, {
    hint: "The checkpoint is damaged or was made by an incompatible version.",
  });
}
