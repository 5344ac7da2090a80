// virtio-blk (virtio 1.2, 5.2): a disk. Queues: requestq1..N, all alike.
//
// Requests: IN, OUT, FLUSH, GET_ID, DISCARD, WRITE_ZEROES. Not supported, hence not offered: SECURE_ERASE (a file system
// may keep old blocks, so no host file can promise it), GEOMETRY (nobody has asked for cylinders in this century), ZONED,
// LIFETIME.
//
// What reaches guest RAM reaches it when an event is applied, between slices; what leaves it is taken in the middle of the
// instruction that notified. A backend that has the data at hand then moves it between RAM and the file at once. Where it
// has to wait, the data takes a detour through host buffers, so that neither completion order nor a half-read buffer can be seen
// other than at a recorded instant.

import type { BlockBackend } from "../../backends/block-backend.js";
import { slices } from "../../backends/scatter.js";
import { VkrunError } from "../../errors.js";
import type { DeviceContext } from "../device.js";
import { BlkConfig, BlkFeature, blkConfig, blkFeatures, SECTOR } from "./blk-config.js";
import {
  type BlkOperation,
  type BlkRange,
  BlkStatus,
  HEADER_LENGTH,
  parseBlkRequest,
  STATUS_LENGTH,
} from "./blk-request.js";
import { BounceBuffers } from "./bounce-buffers.js";
import { VirtioDevice } from "./virtio-device.js";
import { DeviceId } from "./virtio-spec.js";
import type { VirtqRequest } from "./virtq-request.js";

const QUEUE_SIZE = 256;
const MAX_QUEUES = 16;
/** Data buffers in a request: the queue, less header and status. */
const SEG_MAX = QUEUE_SIZE - 2;
/** GET_ID fills this much, without a terminator when all of it is used (5.2.6.1). */
const ID_LENGTH = 20;

/** A request is moved in pieces of at most this, so that one of gigabytes takes no more host memory than others. */
const PIECE = 2 << 20;
/**
 * Host I/O under way at most, whatever the guest does: a reset voids requests but cannot call back I/O, so a guest that
 * submits and resets in turn would otherwise pile it up. Further requests wait in the queue.
 */
const MAX_OPERATIONS = 64;
const MAX_BYTES = 16 << 20;
const KEEP_BYTES = 8 << 20;

/** Host I/O that failed. The guest is told IOERR: virtio has no way to say why. */
export interface DiskFailure {
  readonly operation: "read" | "write" | "flush" | "discard" | "write-zeroes";
  readonly offset: number;
  readonly length: number;
  readonly error: unknown;
}

export interface VirtioBlkOptions {
  readonly name: string;
  readonly context: DeviceContext;
  readonly backend: BlockBackend;
  /** What GET_ID answers, at most 20 bytes; the name if not given. */
  readonly serial?: string;
  /** Block size told to the guest: 512 or a larger power of two that divides the disk's size. */
  readonly blockSize?: number;
  /** Request queues, 1 if not given. */
  readonly queues?: number;
  readonly onFailure?: (failure: DiskFailure) => void;
}

/** A request that was taken from a queue, and of its data what is done. */
interface Taken {
  readonly queue: number;
  readonly request: VirtqRequest;
}

class Transfer implements Taken {
  readonly queue: number;
  readonly request: VirtqRequest;
  done = 0;

  constructor(
    { queue, request }: Taken,
    readonly offset: number,
    readonly length: number,
  ) {
    this.queue = queue;
    this.request = request;
  }
}

/** A piece of host I/O. */
interface Step {
  readonly operation: DiskFailure["operation"];
  readonly offset: number;
  readonly length: number;
  /** Host memory that it may take. */
  readonly bytes: number;
  /** Does it, or some of it, without waiting: how many bytes. At a counted instant. */
  readonly now: ((length: number) => number) | undefined;
  readonly later: (length: number) => Promise<void>;
  /** `length` bytes of it are done; less than was asked for only by `now`. */
  readonly apply: (status: BlkStatus, length: number) => void;
}

export class VirtioBlk extends VirtioDevice {
  readonly deviceId = DeviceId.BLOCK;
  readonly features: readonly number[];
  readonly queueSizes: readonly number[];
  readonly config: Uint8Array;

  readonly #backend: BlockBackend;
  readonly #id = new Uint8Array(ID_LENGTH);
  readonly #onFailure: (failure: DiskFailure) => void;
  readonly #buffers = new BounceBuffers(KEEP_BYTES);
  /** Posted results included, until they are applied. */
  #underWay = 0;
  #bytesUnderWay = 0;

  constructor(options: VirtioBlkOptions) {
    const { name, context, backend, serial = name, blockSize = SECTOR, queues = 1, onFailure = () => {} } = options;
    super(name, context);
    this.#backend = backend;
    this.#onFailure = onFailure;
    this.#id.set(encodeSerial(serial));
    checkBlockSize(blockSize, backend.size, name);
    if (!Number.isInteger(queues) || queues < 1 || queues > MAX_QUEUES) {
      throw new VkrunError("ERR_VKRUN_INVALID_OPTION", `disk ${name} cannot have ${queues} queues`, {
        hint: `From 1 to ${MAX_QUEUES} are possible.`,
      });
    }
    const configuration = { backend, blockSize, segMax: SEG_MAX, queues };
    this.features = blkFeatures(configuration);
    this.config = blkConfig(configuration);
    this.queueSizes = new Array<number>(queues).fill(QUEUE_SIZE);
  }

  handleQueue(index: number): void {
    if (this.#hasRoom()) this.drain(index, (request) => this.#start({ queue: index, request }));
  }

  /** The driver chooses between the host's cache and safety (5.2.5: writeback). */
  override writeConfig(offset: number, _size: number, value: number): void {
    if (offset === BlkConfig.WRITEBACK && this.transport.negotiated(BlkFeature.CONFIG_WCE)) {
      this.config[BlkConfig.WRITEBACK] = value & 1;
    }
  }

  reset(): void {
    // I/O under way cannot be called back: its results find their requests void, and count until then.
    this.config[BlkConfig.WRITEBACK] = 1;
  }

  /** Requests under way are in the queues' records; `restore` starts them over, which gives the same result. */
  saveDevice(): Record<string, unknown> {
    return { writeback: this.config[BlkConfig.WRITEBACK] === 1 };
  }

  restoreDevice(state: Record<string, unknown>): void {
    this.config[BlkConfig.WRITEBACK] = state["writeback"] === false ? 0 : 1;
    for (const { index } of this.transport.queues) {
      for (const request of this.queue(index).underWay()) this.#start({ queue: index, request });
      this.flush(index);
    }
  }

  #hasRoom(): boolean {
    return this.#underWay < MAX_OPERATIONS && this.#bytesUnderWay < MAX_BYTES;
  }

  /** Begins a request; answers whether there is room for another. */
  #start(taken: Taken): boolean {
    const { size, readOnly } = this.#backend;
    const operation = parseBlkRequest(taken.request, {
      size,
      readOnly,
      discard: this.transport.negotiated(BlkFeature.DISCARD),
      writeZeroes: this.transport.negotiated(BlkFeature.WRITE_ZEROES),
    });
    if (operation === undefined) {
      this.fail("a request without header or status");
      return false;
    }
    this.#execute(taken, operation);
    return this.#hasRoom();
  }

  #execute(taken: Taken, operation: BlkOperation): void {
    switch (operation.kind) {
      case "read":
        this.#read(new Transfer(taken, operation.offset, operation.length));
        break;
      case "write":
        this.#write(new Transfer(taken, operation.offset, operation.length));
        break;
      case "discard":
      case "write-zeroes":
        this.#change(taken, operation.kind, operation.ranges);
        break;
      case "flush":
        this.#operate({
          operation: "flush",
          offset: 0,
          length: 0,
          bytes: 0,
          now: undefined,
          later: () => this.#backend.flush(),
          apply: (status) => this.#finish(taken, status, 0),
        });
        break;
      case "get-id":
        this.#getId(taken);
        break;
      case "answer":
        this.#finish(taken, operation.status, 0);
    }
  }

  /** Moves the next piece of a transfer, and from its completion the one after it. */
  #read(transfer: Transfer): void {
    const { request, done } = transfer;
    const backend = this.#backend;
    const offset = transfer.offset + done;
    const length = Math.min(transfer.length - done, PIECE);
    let buffer: Uint8Array | undefined;
    this.#operate({
      operation: "read",
      offset,
      length,
      bytes: length,
      now:
        backend.tryRead === undefined
          ? undefined
          : (wanted) =>
              this.#live(transfer) ? (backend.tryRead?.(offset, request.toWrite(done, wanted)) ?? 0) : wanted,
      later: (wanted) => {
        buffer = this.#buffers.take(wanted);
        return backend.read(offset, [buffer]);
      },
      apply: (status, got) => {
        if (status !== BlkStatus.OK) this.#finish(transfer, status, 0);
        else if (this.#live(transfer)) {
          if (buffer !== undefined) request.write(done, buffer);
          request.wrote(done, got);
          transfer.done += got;
          if (transfer.done < transfer.length) this.#read(transfer);
          else this.#finish(transfer, status, transfer.length);
        }
        if (buffer !== undefined) this.#buffers.give(buffer);
      },
    });
  }

  #write(transfer: Transfer): void {
    const { request, done } = transfer;
    const backend = this.#backend;
    const offset = transfer.offset + done;
    const length = Math.min(transfer.length - done, PIECE);
    // Taken now, whoever writes it when: the driver may not change it any more, but one that does must not be able to tell.
    const data = slices(request.readable, HEADER_LENGTH + done, length);
    const through = this.#writesThrough;
    const written = !through && attempt(() => backend.tryWrite?.(offset, data) ?? false);
    let buffer: Uint8Array | undefined;
    if (!written) {
      buffer = this.#buffers.take(length);
      request.read(HEADER_LENGTH + done, buffer);
    }
    this.#operate({
      operation: "write",
      offset,
      length,
      bytes: length,
      now: written ? () => length : undefined,
      later: async () => {
        await backend.write(offset, [buffer as Uint8Array]);
        if (through) await backend.flush();
      },
      apply: (status) => {
        transfer.done += length;
        if (status !== BlkStatus.OK || transfer.done === transfer.length) this.#finish(transfer, status, 0);
        else if (this.#live(transfer)) this.#write(transfer);
        if (buffer !== undefined) this.#buffers.give(buffer);
      },
    });
  }

  /** Discards or zeroes one range after the other. */
  #change(taken: Taken, operation: "discard" | "write-zeroes", ranges: readonly BlkRange[]): void {
    const backend = this.#backend;
    this.#operate({
      operation,
      offset: ranges[0]?.offset ?? 0,
      length: ranges[0]?.length ?? 0,
      bytes: 0,
      now: undefined,
      later: async () => {
        for (const { offset, length, unmap } of ranges) {
          if (operation === "discard") await backend.discard?.(offset, length);
          else await backend.writeZeroes?.(offset, length, unmap);
        }
        if (operation === "write-zeroes" && this.#writesThrough) await backend.flush();
      },
      apply: (status) => this.#finish(taken, status, 0),
    });
  }

  #getId(taken: Taken): void {
    const room = Math.min(taken.request.writableLength - STATUS_LENGTH, ID_LENGTH);
    taken.request.write(0, this.#id.subarray(0, room));
    this.#finish(taken, BlkStatus.OK, room);
  }

  /** A driver that cannot flush counts on what it wrote being safe (5.2.6.2). */
  get #writesThrough(): boolean {
    if (this.transport.negotiated(BlkFeature.CONFIG_WCE)) return this.config[BlkConfig.WRITEBACK] === 0;
    return !this.transport.negotiated(BlkFeature.FLUSH);
  }

  /**
   * Runs host I/O; `apply` hears of it at a counted instant. What a replay could not find out again is the event's payload: that it
   * failed, or how much of it came at once.
   */
  #operate(step: Step): void {
    const label = this.nextLabel();
    this.#underWay++;
    this.#bytesUnderWay += step.bytes;
    const settle = (status: BlkStatus, length: number): void => {
      this.#underWay--;
      this.#bytesUnderWay -= step.bytes;
      step.apply(status, length);
      this.#afterwards();
    };
    const { now } = step;
    if (now === undefined) {
      this.#operateLater(label, step, step.length, settle);
      return;
    }
    this.context.input.post(label, (recorded) => {
      const { status, length } = decodeOutcome(recorded, step.length);
      if (status !== BlkStatus.OK) {
        settle(status, 0);
        return undefined;
      }
      let done = 0;
      attempt(() => {
        done = now(length);
        return done > 0;
      });
      if (done < length && (done === 0 || recorded !== undefined)) {
        this.#operateLater(label, step, length, settle);
        return false;
      }
      settle(status, done);
      // Also when it was all: a replay may have less at once, and without this would take that for what came about.
      return encodeOutcome(status, done);
    });
  }

  #operateLater(label: string, step: Step, length: number, settle: (status: BlkStatus, length: number) => void): void {
    const post = (payload?: Uint8Array): void => {
      this.context.input.post(
        label,
        (recorded) => {
          const outcome = decodeOutcome(recorded, length);
          settle(outcome.status, outcome.length);
        },
        payload,
      );
    };
    const operate = async () => {
      try {
        await step.later(length);
      } catch (error) {
        this.counters.ioErrors++;
        this.counters.lastReason = error instanceof Error ? error.message : String(error);
        this.#onFailure({ operation: step.operation, offset: step.offset, length, error });
        return post(encodeOutcome(BlkStatus.IOERR));
      }
      post(step.now === undefined ? undefined : encodeOutcome(BlkStatus.OK, length));
    };
    this.underWay(operate());
  }

  /** A place came free: for requests that found too much under way, or no room for their records. */
  #afterwards(): void {
    if (!this.transport.running) return;
    for (const { index } of this.transport.queues) {
      this.flush(index);
      this.handleQueue(index);
    }
  }

  #live({ queue, request }: Taken): boolean {
    return this.live(queue, request);
  }

  /** Writes the status, the last byte of the writable part, and completes the request with `filled` bytes of data. */
  #finish(taken: Taken, status: BlkStatus, filled: number): void {
    if (!this.#live(taken)) return;
    const { queue, request } = taken;
    const statusOffset = request.writableLength - STATUS_LENGTH;
    request.write(statusOffset, Uint8Array.of(status));
    request.wrote(statusOffset, STATUS_LENGTH);
    // `len` must not claim bytes that were not written (2.7.8.2); the status counts when all before it does.
    this.complete(queue, request, filled === statusOffset ? filled + STATUS_LENGTH : filled);
  }
}

/** Whether `action` did what it should. Why it did not, the way that takes longer will find out again, and tell. */
function attempt(action: () => boolean): boolean {
  try {
    return action();
  } catch {
    return false;
  }
}

/** An event's payload: the status, and behind it how many bytes were moved, if not all. */
function encodeOutcome(status: BlkStatus, length?: number): Uint8Array {
  if (length === undefined) return Uint8Array.of(status);
  const bytes = new Uint8Array(5);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, status);
  view.setUint32(1, length, true);
  return bytes;
}

function decodeOutcome(payload: Uint8Array | undefined, length: number): { status: BlkStatus; length: number } {
  if (payload === undefined) return { status: BlkStatus.OK, length };
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const status = payload.length === 0 ? BlkStatus.OK : view.getUint8(0);
  return { status, length: payload.length < 5 ? length : Math.min(length, view.getUint32(1, true)) };
}

function encodeSerial(serial: string): Uint8Array {
  const id = new TextEncoder().encode(serial);
  if (id.length <= ID_LENGTH) return id;
  throw new VkrunError("ERR_VKRUN_INVALID_OPTION", `disk serial '${serial}' is longer than ${ID_LENGTH} bytes`, {
    hint: "Choose a shorter serial.",
  });
}

function checkBlockSize(blockSize: number, size: number, name: string): void {
  if (blockSize >= SECTOR && (blockSize & (blockSize - 1)) === 0 && size % blockSize === 0) return;
  throw new VkrunError("ERR_VKRUN_INVALID_OPTION", `${blockSize} is not a possible block size for disk ${name}`, {
    hint: "Use 512, or a larger power of two that divides the size of the disk.",
  });
}
