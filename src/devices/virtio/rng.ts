// virtio-rng (virtio 1.2, 5.4): entropy from the host. One queue, requestq; no configuration space.

import type { DeviceContext } from "../device.js";
import { VirtioDevice } from "./virtio-device.js";
import { DeviceId } from "./virtio-spec.js";
import type { VirtqRequest } from "./virtq-request.js";

const QUEUE = 0;
const QUEUE_SIZE = 8;
/** Bytes given to one request at most; a driver that wants more asks again (5.4.6.2). */
const REQUEST_MAX = 4096;

/** Answers `length` bytes of entropy. */
export type EntropySource = (length: number) => Uint8Array | Promise<Uint8Array>;

export interface VirtioRngOptions {
  readonly name: string;
  readonly context: DeviceContext;
  readonly entropy: EntropySource;
}

export class VirtioRng extends VirtioDevice {
  readonly deviceId = DeviceId.ENTROPY;
  readonly features = [];
  readonly queueSizes = [QUEUE_SIZE];
  readonly config = new Uint8Array(0);

  readonly #entropy: EntropySource;
  /** Requests to the source, also those that a reset has voided: at most a queue of them. */
  #underWay = 0;

  constructor({ name, context, entropy }: VirtioRngOptions) {
    super(name, context);
    this.#entropy = entropy;
  }

  handleQueue(): void {
    if (this.#hasRoom()) this.drain(QUEUE, (request) => this.#start(request));
  }

  reset(): void {
    // The source cannot be called back: its answers find their requests void.
  }

  /** Requests under way are in the queue's records. */
  saveDevice(): Record<string, unknown> {
    return {};
  }

  restoreDevice(): void {
    for (const request of this.queue(QUEUE).underWay()) this.#start(request);
  }

  #hasRoom(): boolean {
    return this.#underWay < QUEUE_SIZE;
  }

  #start(request: VirtqRequest): boolean {
    const label = this.nextLabel();
    const length = Math.min(request.writableLength, REQUEST_MAX);
    this.#underWay++;
    const operate = async () => {
      let bytes: Uint8Array;
      try {
        bytes = length > 0 ? await this.#entropy(length) : new Uint8Array(0);
      } catch (error) {
        // No entropy is an answer too: the driver sees a length of 0.
        this.counters.ioErrors++;
        this.counters.lastReason = error instanceof Error ? error.message : String(error);
        bytes = new Uint8Array(0);
      }
      this.context.input.post(label, (payload = bytes) => this.#answer(request, payload.subarray(0, length)), bytes);
    };
    this.underWay(operate());
    return this.#hasRoom();
  }

  #answer(request: VirtqRequest, bytes: Uint8Array): void {
    this.#underWay--;
    if (this.live(QUEUE, request)) {
      request.write(0, bytes);
      this.complete(QUEUE, request, bytes.length);
    }
    if (!this.transport.running) return;
    this.flush(QUEUE);
    this.handleQueue();
  }
}
