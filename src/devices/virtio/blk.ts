// virtio-blk (virtio 1.2, 5.2): a disk. One queue, requestq.
//
// Requests: IN, OUT, FLUSH, GET_ID. Not supported, hence not offered: DISCARD, WRITE_ZEROES and SECURE_ERASE (backends cannot
// give space back yet), MQ (one hart), CONFIG_WCE (the host's cache is always write-back), zoned devices.
//
// Reads and writes run on the host while the guest goes on. A result enters through the input gate and is applied to
// guest RAM there, so neither completion order nor a half-read buffer can be seen other than at a recorded instant.

import type { BlockBackend } from "../../backends/block-backend.js";
import { VkrunError } from "../../errors.js";
import type { DeviceContext } from "../device.js";
import { BounceBuffers } from "./bounce-buffers.js";
import { VirtioDevice } from "./virtio-device.js";
import { DeviceId } from "./virtio-spec.js";
import type { VirtqRequest } from "./virtq-request.js";

const SECTOR = 512;
const QUEUE = 0;
const QUEUE_SIZE = 256;
/** Data buffers in a request: the queue, less header and status. */
const SEG_MAX = QUEUE_SIZE - 2;

/** Feature bits (5.2.3). */
const enum BlkFeature {
  SEG_MAX = 2,
  RO = 5,
  BLK_SIZE = 6,
  FLUSH = 9,
}

/** Request types (5.2.6). */
const enum BlkType {
  IN = 0,
  OUT = 1,
  FLUSH = 4,
  GET_ID = 8,
}

const enum BlkStatus {
  OK = 0,
  IOERR = 1,
  UNSUPP = 2,
}

/** struct virtio_blk_req: type, reserved, sector; then data; then a byte of status. */
const HEADER_LENGTH = 16;
const STATUS_LENGTH = 1;
/** GET_ID fills this much, without a terminator when all of it is used (5.2.6.1). */
const ID_LENGTH = 20;
/** Offsets in struct virtio_blk_config (5.2.4). */
const CONFIG_LENGTH = 24;
const CONFIG_CAPACITY = 0;
const CONFIG_SEG_MAX = 12;
const CONFIG_BLK_SIZE = 20;

/** A request is moved in pieces of at most this, so that one of gigabytes takes no more host memory than others. */
const PIECE = 2 << 20;
/**
 * Host I/O under way at most, whatever the guest does: a reset voids requests but cannot call back I/O, so a guest that
 * submits and resets in turn would otherwise pile it up. Further requests wait in the queue.
 */
const MAX_OPERATIONS = 64;
const MAX_BYTES = 16 << 20;
const KEEP_BYTES = 8 << 20;

export interface VirtioBlkOptions {
  readonly name: string;
  readonly context: DeviceContext;
  readonly backend: BlockBackend;
  /** What GET_ID answers, at most 20 bytes; the name if not given. */
  readonly serial?: string;
  /** Block size told to the guest: 512 or a larger power of two that divides the disk's size. */
  readonly blockSize?: number;
}

/** A read or write under way: all of a request's data from `sector` on, `done` bytes of it finished. */
interface Transfer {
  readonly request: VirtqRequest;
  readonly write: boolean;
  readonly offset: number;
  readonly length: number;
  done: number;
}

export class VirtioBlk extends VirtioDevice {
  readonly deviceId = DeviceId.BLOCK;
  readonly features: readonly number[];
  readonly queueSizes = [QUEUE_SIZE];
  readonly config = new Uint8Array(CONFIG_LENGTH);

  readonly #backend: BlockBackend;
  readonly #id = new Uint8Array(ID_LENGTH);
  readonly #buffers = new BounceBuffers(KEEP_BYTES);
  /** Posted results included, until they are applied. */
  #underWay = 0;
  #bytesUnderWay = 0;

  constructor({ name, context, backend, serial = name, blockSize = SECTOR }: VirtioBlkOptions) {
    super(name, context);
    this.#backend = backend;
    const id = new TextEncoder().encode(serial);
    if (id.length > ID_LENGTH) {
      throw new VkrunError("ERR_VKRUN_INVALID_OPTION", `disk serial '${serial}' is longer than ${ID_LENGTH} bytes`, {
        hint: "Choose a shorter serial.",
      });
    }
    if (blockSize < SECTOR || (blockSize & (blockSize - 1)) !== 0 || backend.size % blockSize !== 0) {
      throw new VkrunError("ERR_VKRUN_INVALID_OPTION", `${blockSize} is not a possible block size for disk ${name}`, {
        hint: "Use 512, or a larger power of two that divides the size of the disk.",
      });
    }
    this.#id.set(id);
    this.features = [
      BlkFeature.SEG_MAX,
      BlkFeature.BLK_SIZE,
      BlkFeature.FLUSH,
      ...(backend.readOnly ? [BlkFeature.RO] : []),
    ];
    const config = new DataView(this.config.buffer);
    config.setBigUint64(CONFIG_CAPACITY, BigInt(backend.size / SECTOR), true);
    config.setUint32(CONFIG_SEG_MAX, SEG_MAX, true);
    config.setUint32(CONFIG_BLK_SIZE, blockSize, true);
  }

  handleQueue(): void {
    if (this.#hasRoom()) this.drain(QUEUE, (request) => this.#start(request));
  }

  reset(): void {
    // I/O under way cannot be called back: its results find their requests void, and count until then.
  }

  /** Requests under way are in the queue's records; `restore` starts them over, which for reads and writes is the same. */
  saveDevice(): Record<string, unknown> {
    return {};
  }

  restoreDevice(): void {
    for (const request of this.queue(QUEUE).underWay()) this.#start(request);
    this.flush(QUEUE);
  }

  #hasRoom(): boolean {
    return this.#underWay < MAX_OPERATIONS && this.#bytesUnderWay < MAX_BYTES;
  }

  /** Begins a request; answers whether there is room for another. */
  #start(request: VirtqRequest): boolean {
    const header = new Uint8Array(HEADER_LENGTH);
    if (request.read(0, header) < HEADER_LENGTH || request.writableLength < STATUS_LENGTH) {
      this.fail("a request without header or status");
      return false;
    }
    const fields = new DataView(header.buffer);
    const type = fields.getUint32(0, true);
    const sector = fields.getBigUint64(8, true);
    switch (type) {
      case BlkType.IN:
        this.#transfer(request, sector, request.writableLength - STATUS_LENGTH, false);
        break;
      case BlkType.OUT:
        this.#transfer(request, sector, request.readableLength - HEADER_LENGTH, true);
        break;
      case BlkType.FLUSH:
        this.#operate(
          0,
          () => this.#backend.flush(),
          (status) => this.#finish(request, status, 0),
        );
        break;
      case BlkType.GET_ID:
        this.#getId(request);
        break;
      default:
        this.#finish(request, BlkStatus.UNSUPP, 0);
    }
    return this.#hasRoom();
  }

  #transfer(request: VirtqRequest, sector: bigint, length: number, write: boolean): void {
    const end = sector * BigInt(SECTOR) + BigInt(length);
    const refused = length % SECTOR !== 0 || end > BigInt(this.#backend.size) || (write && this.#backend.readOnly);
    if (refused) {
      this.#finish(request, BlkStatus.IOERR, 0);
      return;
    }
    if (length === 0) {
      this.#finish(request, BlkStatus.OK, 0);
      return;
    }
    this.#movePiece({ request, write, offset: Number(sector) * SECTOR, length, done: 0 });
  }

  /** Moves the next piece of a transfer, and from its completion the one after it. */
  #movePiece(transfer: Transfer): void {
    const { request, write, length, done } = transfer;
    const offset = transfer.offset + done;
    const buffer = this.#buffers.take(Math.min(length - done, PIECE));
    if (write) request.read(HEADER_LENGTH + done, buffer);
    this.#operate(
      buffer.length,
      () => (write ? this.#backend.write(offset, [buffer]) : this.#backend.read(offset, [buffer])),
      (status) => {
        if (this.live(QUEUE, request) && status === BlkStatus.OK) {
          if (!write) {
            request.write(done, buffer);
            request.wrote(done, buffer.length);
          }
          transfer.done += buffer.length;
          if (transfer.done < length) this.#movePiece(transfer);
          else this.#finish(request, status, write ? 0 : length);
        } else this.#finish(request, status, 0);
        this.#buffers.give(buffer);
      },
    );
  }

  #getId(request: VirtqRequest): void {
    const room = Math.min(request.writableLength - STATUS_LENGTH, ID_LENGTH);
    request.write(0, this.#id.subarray(0, room));
    this.#finish(request, BlkStatus.OK, room);
  }

  /**
   * Runs host I/O; `apply` gets its status at a counted instant. A failure cannot be computed again by a replay, so it is
   * the event's payload.
   */
  #operate(bytes: number, run: () => Promise<void>, apply: (status: BlkStatus) => void): void {
    const label = this.nextLabel();
    this.#underWay++;
    this.#bytesUnderWay += bytes;
    const post = (payload?: Uint8Array) => {
      this.context.input.post(
        label,
        (recorded) => {
          this.#underWay--;
          this.#bytesUnderWay -= bytes;
          apply(recorded?.[0] ?? BlkStatus.OK);
          if (!this.transport.running) return;
          this.flush(QUEUE);
          // A place came free: for requests that found too much under way, or no room for their records.
          this.handleQueue();
        },
        payload,
      );
    };
    const operate = async () => {
      try {
        await run();
      } catch (error) {
        this.counters.ioErrors++;
        this.counters.lastReason = error instanceof Error ? error.message : String(error);
        return post(Uint8Array.of(BlkStatus.IOERR));
      }
      post();
    };
    this.underWay(operate());
  }

  /** Writes the status, the last byte of the writable part, and completes the request with `filled` bytes of data. */
  #finish(request: VirtqRequest, status: BlkStatus, filled: number): void {
    if (!this.live(QUEUE, request)) return;
    const statusOffset = request.writableLength - STATUS_LENGTH;
    request.write(statusOffset, Uint8Array.of(status));
    request.wrote(statusOffset, STATUS_LENGTH);
    // `len` must not claim bytes that were not written (2.7.8.2); the status counts when all before it does.
    this.complete(QUEUE, request, filled === statusOffset ? filled + STATUS_LENGTH : filled);
  }
}
