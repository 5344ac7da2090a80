/**
 * Writes down what passes through a network port, as tcpdump and Wireshark read it (draft-ietf-opsawg-pcap): microseconds
 * would not tell the frames of one burst apart, so it is the variant with nanoseconds.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { VkrunError } from "../errors.js";
import type { NetBackend, NetCapabilities, NetEvents, NetOffloads, ReceiveLimits } from "./net-backend.js";
import { FRAME_MAX, NetHeader } from "./net-header.js";
import type { PacketVectors } from "./packet-vectors.js";
import { gather, slices } from "./scatter.js";

const MAGIC_NANOSECONDS = 0xa1b2_3c4d;
const VERSION = [2, 4] as const;
const LINKTYPE_ETHERNET = 1;
const FILE_HEADER_LENGTH = 24;
const RECORD_HEADER_LENGTH = 16;
const BUFFER_BYTES = 256 * 1024;
/** Who looks on sees a frame this late at most. */
const FLUSH_MS = 200;

export interface CaptureOptions {
  readonly path: string;
  /** The file cannot be written any longer: the guest goes on without it. */
  readonly onTrouble: (error: VkrunError) => void;
}

export class Capture implements NetBackend {
  readonly capabilities: NetCapabilities;
  readonly #inner: NetBackend;
  readonly #file: CaptureFile;

  /** `inner`, with everything that passes written down. */
  constructor(inner: NetBackend, options: CaptureOptions) {
    this.#inner = inner;
    this.capabilities = inner.capabilities;
    this.#file = new CaptureFile(options);
  }

  attach(events: NetEvents): void {
    this.#inner.attach(events);
  }

  accept(offloads: NetOffloads): void {
    this.#inner.accept(offloads);
  }

  send(packets: PacketVectors): number {
    for (const segments of packets.packets()) this.#file.packet(segments);
    return this.#inner.send(packets);
  }

  receive(room: PacketVectors, limits: ReceiveLimits): number {
    const count = this.#inner.receive(room, limits);
    if (count === 0) return 0;
    // A packet lies in the first buffers that have room for it, behind the one before.
    const buffers = room.packets();
    for (let index = 0; index < count; index++) {
      const length = room.results[index] ?? 0;
      const views: Uint8Array[] = [];
      for (let space = 0; space < length; ) {
        const buffer = buffers.next();
        if (buffer.done) break;
        views.push(...buffer.value);
        for (const { length: bytes } of buffer.value) space += bytes;
      }
      this.#file.packet(slices(views, 0, length));
    }
    return count;
  }

  awaitPacket(): void {
    this.#inner.awaitPacket();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#inner[Symbol.asyncDispose]();
    } finally {
      this.#file[Symbol.dispose]();
    }
  }
}

class CaptureFile implements Disposable {
  readonly #options: CaptureOptions;
  #fd: number | undefined;
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);
  #used = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Of the clock that never goes back, against the wall clock, in ns. */
  readonly #epochNs = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();

  constructor(options: CaptureOptions) {
    this.#options = options;
    try {
      this.#fd = openSync(options.path, "w");
    } catch (cause) {
      throw writeError(options.path, cause as Error);
    }
    this.#used = FILE_HEADER_LENGTH;
    this.#buffer.writeUInt32LE(MAGIC_NANOSECONDS, 0);
    this.#buffer.writeUInt16LE(VERSION[0], 4);
    this.#buffer.writeUInt16LE(VERSION[1], 6);
    this.#buffer.writeUInt32LE(FRAME_MAX, 16);
    this.#buffer.writeUInt32LE(LINKTYPE_ETHERNET, 20);
    this.#flush();
  }

  /** The segments of a packet, header included. */
  packet(segments: readonly Uint8Array[]): void {
    if (this.#fd === undefined) return;
    let length = -NetHeader.LENGTH;
    for (const segment of segments) length += segment.length;
    if (length <= 0) return;
    if (this.#used + RECORD_HEADER_LENGTH + length > BUFFER_BYTES) this.#flush();
    const nowNs = this.#epochNs + process.hrtime.bigint();
    this.#buffer.writeUInt32LE(Number(nowNs / 1_000_000_000n), this.#used);
    this.#buffer.writeUInt32LE(Number(nowNs % 1_000_000_000n), this.#used + 4);
    this.#buffer.writeUInt32LE(length, this.#used + 8);
    this.#buffer.writeUInt32LE(length, this.#used + 12);
    this.#used += RECORD_HEADER_LENGTH;
    gather(segments, NetHeader.LENGTH, this.#buffer.subarray(this.#used, this.#used + length));
    this.#used += length;
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS).unref();
  }

  [Symbol.dispose](): void {
    this.#flush();
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const fd = this.#fd;
    const used = this.#used;
    this.#used = 0;
    if (fd === undefined) return;
    try {
      for (let written = 0; written < used; ) written += writeSync(fd, this.#buffer, written, used - written);
    } catch (cause) {
      this.#fd = undefined;
      closeSync(fd);
      this.#options.onTrouble(writeError(this.#options.path, cause as Error));
    }
  }
}

function writeError(path: string, cause: Error): VkrunError {
  return new VkrunError("ERR_VKRUN_CAPTURE_WRITE", `the capture ${path} cannot be written: ${cause.message}`, {
    hint: "Check that its directory exists, that you may write there, and that there is space.",
    cause,
  });
}
