// virtio-9p: messages of the 9P protocol, carried to a server and back. One queue; a request is a message, its writable part
// has room for the reply. virtio 1.2 reserves the device's number (5) and says no more: see Linux's
// include/uapi/linux/virtio_9p.h and net/9p/trans_virtio.c.
//
// Offered: MOUNT_TAG. What is in a message is the server's affair. Its reply cannot be computed again, as the host's files
// are not what they were, so it is the event's payload.

import type { MessageServer } from "../../backends/message-server.js";
import { VkrunError } from "../../errors.js";
import type { DeviceContext } from "../device.js";
import { VirtioDevice } from "./virtio-device.js";
import { DeviceId } from "./virtio-spec.js";
import type { VirtqRequest } from "./virtq-request.js";

const QUEUE = 0;
const QUEUE_SIZE = 128;
const MOUNT_TAG = 0;
/** struct virtio_9p_config: tag_len[2] tag[]. */
const CONFIG_TAG = 2;
const TAG_MAX = 31;

/** Linux sends up to 500 KiB; what is longer no server has agreed to. */
const MESSAGE_MAX = 512 << 10;
/** A header; and a header and an error number. */
const MESSAGE_MIN = 7;
const REPLY_MIN = 11;
/** Messages at the server at most, and the bytes that they and their replies may take, whatever the guest resets meanwhile. */
const MAX_OPERATIONS = 64;
const MAX_BYTES = 16 << 20;

export interface Virtio9pOptions {
  readonly name: string;
  readonly context: DeviceContext;
  readonly server: MessageServer;
  /** What the guest mounts it by: 1 to 31 bytes. */
  readonly tag: string;
}

interface SavedDevice {
  readonly server: unknown;
  /** Of each request under way: its reply, when the server has given it. */
  readonly replies: readonly (Uint8Array | undefined)[];
}

export class Virtio9p extends VirtioDevice {
  readonly deviceId = DeviceId.NINEP;
  readonly features = [MOUNT_TAG];
  readonly queueSizes = [QUEUE_SIZE];
  readonly config: Uint8Array;

  readonly #server: MessageServer;
  /** Replies on their way through the gate, by their requests' records. */
  readonly #replies = new Map<number, Uint8Array>();
  #atServer = 0;
  #bytesUnderWay = 0;

  constructor({ name, context, server, tag }: Virtio9pOptions) {
    super(name, context);
    const bytes = Buffer.from(tag);
    if (bytes.length === 0 || bytes.length > TAG_MAX) {
      throw new VkrunError("ERR_VKRUN_INVALID_OPTION", `'${tag}' cannot be the mount tag of ${name}`, {
        hint: `A tag has 1 to ${TAG_MAX} bytes.`,
      });
    }
    this.config = new Uint8Array(CONFIG_TAG + bytes.length);
    new DataView(this.config.buffer).setUint16(0, bytes.length, true);
    this.config.set(bytes, CONFIG_TAG);
    this.#server = server;
    // It may have served a machine before this one.
    server.reset();
  }

  handleQueue(): void {
    if (this.#hasRoom()) this.drain(QUEUE, (request) => this.#start(request));
  }

  reset(): void {
    this.#replies.clear();
    this.#server.reset();
  }

  /** What the server has done must not be done again: a reply that waits in the gate is saved with its request. */
  saveDevice(): Record<string, unknown> {
    const replies = this.queue(QUEUE)
      .underWay()
      .map(({ record }) => this.#replies.get(record));
    return { server: this.#server.save(), replies };
  }

  restoreDevice(state: Record<string, unknown>): void {
    const { server, replies } = state as unknown as SavedDevice;
    this.#server.restore(server);
    for (const [index, request] of this.queue(QUEUE).underWay().entries()) {
      const reply = replies[index];
      if (reply === undefined) this.#start(request);
      else this.#post(this.nextLabel(), request, reply, this.#account(request));
    }
  }

  #hasRoom(): boolean {
    return this.#atServer < MAX_OPERATIONS && this.#bytesUnderWay < MAX_BYTES;
  }

  /** Begins a request; answers whether there is room for another. */
  #start(request: VirtqRequest): boolean {
    const { readableLength, writableLength } = request;
    if (readableLength < MESSAGE_MIN || readableLength > MESSAGE_MAX || writableLength < REPLY_MIN) {
      this.fail(`a message of ${readableLength} bytes with room for ${writableLength}`);
      return false;
    }
    const message = new Uint8Array(readableLength);
    request.read(0, message);
    const label = this.nextLabel();
    const bytes = this.#account(request);
    const operation = (async () => {
      const reply = await this.#server.handle(message, Math.min(writableLength, MESSAGE_MAX));
      this.#post(label, request, reply, bytes);
    })();
    this.underWay(operation);
    return this.#hasRoom();
  }

  /** Counts a request as under way; answers with how many bytes. */
  #account({ readableLength, writableLength }: VirtqRequest): number {
    const bytes = readableLength + Math.min(writableLength, MESSAGE_MAX);
    this.#atServer++;
    this.#bytesUnderWay += bytes;
    return bytes;
  }

  #post(label: string, request: VirtqRequest, reply: Uint8Array, bytes: number): void {
    if (this.live(QUEUE, request)) this.#replies.set(request.record, reply);
    this.context.input.post(
      label,
      (recorded = reply) => {
        this.#atServer--;
        this.#bytesUnderWay -= bytes;
        if (this.live(QUEUE, request)) {
          this.#replies.delete(request.record);
          request.write(0, recorded.subarray(0, request.writableLength));
          this.complete(QUEUE, request, Math.min(recorded.length, request.writableLength));
        }
        if (!this.transport.running) return;
        this.flush(QUEUE);
        this.handleQueue();
      },
      reply,
    );
  }
}
