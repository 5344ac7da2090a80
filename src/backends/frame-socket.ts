/**
 * A network port on a stream socket that carries bare frames, each behind its length (four bytes, the highest first), as passt
 * does. What stands in a packet's header is done here. The peer drops what the socket has no room for, so it is emptied by a
 * thread that does nothing else.
 */
import { type DescriptorWatch, native, type ReadAhead } from "../native.js";
import { finishChecksum } from "./checksum.js";
import type { NetOffloads, ReceiveLimits } from "./net-backend.js";
import { type NetBackend, type NetCapabilities, type NetEvents, NO_OFFLOADS } from "./net-backend.js";
import { FRAME_MIN, FRAME_OVERHEAD, GSO_NONE, NetHeader, NetHeaderFlag } from "./net-header.js";
import { BufferCursor, type PacketVectors } from "./packet-vectors.js";
import { gather, totalLength } from "./scatter.js";

const LENGTH_BYTES = 4;
/** What comes in a slice at several Gbit/s. A TCP connection has hardly ever more under way. */
const RING_BYTES = 2 * 2 ** 20;
/** Output that the peer has not read. Beyond the first bound it is called congested, beyond the second frames are lost. */
const CONGESTED_BYTES = 1 * 2 ** 20;
const OUTPUT_BYTES = 4 * 2 ** 20;

export interface FrameSocketOptions {
  /** Does not block. */
  readonly fd: number;
  readonly mtu: number;
  /** The peer has gone, or what it sends are no frames. Once. */
  readonly onEnd: () => void;
}

export class FrameSocket implements NetBackend {
  readonly capabilities: NetCapabilities;
  readonly #fd: number;
  readonly #onEnd: () => void;
  #events: NetEvents | undefined;
  #ended = false;

  readonly #ring = new Uint8Array(new SharedArrayBuffer(RING_BYTES));
  readonly #reader: ReadAhead;
  /** In the ring: where the next frame begins. */
  #at = 0;
  /** How many bytes are there when the next packet is. */
  #awaited = 0;
  /** What every packet begins with that the guest gets. */
  readonly #header = new Uint8Array(NetHeader.LENGTH);

  /** Frames with their lengths that the socket has no room for yet, from #sent to #filled. */
  readonly #output = new Uint8Array(OUTPUT_BYTES);
  readonly #watch: DescriptorWatch;
  readonly #written = new Int32Array(1);
  #sent = 0;
  #filled = 0;
  #congested = false;

  constructor({ fd, mtu, onEnd }: FrameSocketOptions) {
    this.capabilities = { mtu, offloads: { ...NO_OFFLOADS, checksum: true } };
    this.#fd = fd;
    this.#onEnd = onEnd;
    const { ReadAhead, DescriptorWatch } = native();
    this.#watch = new DescriptorWatch({ fd, onReady: () => this.#flush() });
    this.#reader = new ReadAhead({ fd, ring: this.#ring, onReady: () => this.#ready() });
  }

  attach(events: NetEvents): void {
    this.#events = events;
    this.accept(NO_OFFLOADS);
    if (this.#ended) events.link(false);
  }

  accept({ checksum }: NetOffloads): void {
    // The peer is a process of this host: frames came over no wire, and their checksums are good.
    this.#header[NetHeader.FLAGS] = checksum ? NetHeaderFlag.DATA_VALID : 0;
  }

  send(packets: PacketVectors): number {
    let lost = 0;
    for (const segments of packets.packets()) if (!this.#put(segments)) lost++;
    this.#flush();
    return lost;
  }

  receive(room: PacketVectors, { maximum, mergeable }: ReceiveLimits): number {
    const buffers = new BufferCursor(room);
    const available = this.#reader.available();
    let count = 0;
    let used = 0;
    for (;;) {
      const length = this.#next(available - used);
      if (length === undefined || available - used < LENGTH_BYTES + length) break;
      const packet = NetHeader.LENGTH + length;
      if (packet <= maximum) {
        if (!buffers.take(packet, mergeable)) break;
        buffers.write(this.#header);
        const begin = (this.#at + LENGTH_BYTES) % RING_BYTES;
        const straight = Math.min(length, RING_BYTES - begin);
        buffers.write(this.#ring.subarray(begin, begin + straight));
        buffers.write(this.#ring.subarray(0, length - straight));
        room.results[count++] = packet;
      }
      used += LENGTH_BYTES + length;
      this.#at = (this.#at + LENGTH_BYTES + length) % RING_BYTES;
    }
    if (used > 0) this.#reader.consume({ bytes: used });
    return count;
  }

  awaitPacket(): void {
    this.#awaited = LENGTH_BYTES + (this.#next(this.#reader.available()) ?? 0);
    if (!this.#ended) this.#reader.arm({ bytes: this.#awaited });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    this.#events = undefined;
    this.#reader.close();
    this.#watch.close();
    native().closeDescriptor({ fd: this.#fd });
  }

  /** The peer has gone: no frames come or go from now on. */
  protected disconnected(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sent = this.#filled = 0;
    this.#watch.arm({ readable: false, writable: false });
    this.#congest(false);
    this.#events?.link(false);
    this.#onEnd();
  }

  /** There is what was awaited, or the peer has gone. */
  #ready(): void {
    const available = this.#reader.available();
    const length = this.#next(available);
    if (available < this.#awaited) this.disconnected();
    else if (length !== undefined && available >= LENGTH_BYTES + length) this.#events?.readable();
    else this.awaitPacket();
  }

  /** The length of the frame at the head of the ring, if that is there and is one. */
  #next(available: number): number | undefined {
    if (this.#ended || available < LENGTH_BYTES) return undefined;
    let length = 0;
    for (let index = 0; index < LENGTH_BYTES; index++) {
      length = length * 256 + (this.#ring[(this.#at + index) % RING_BYTES] ?? 0);
    }
    if (length >= FRAME_MIN && length <= FRAME_OVERHEAD + this.capabilities.mtu) return length;
    this.disconnected();
    return undefined;
  }

  /** Adds a packet to the output. False when it is lost. */
  #put(segments: readonly Uint8Array[]): boolean {
    const length = totalLength(segments) - NetHeader.LENGTH;
    const header = new Uint8Array(NetHeader.LENGTH);
    gather(segments, 0, header);
    const size = LENGTH_BYTES + length;
    // Segmentation was not offered.
    if (this.#ended || header[NetHeader.GSO_TYPE] !== GSO_NONE || !this.#makeRoom(size)) return false;
    const output = this.#output.subarray(this.#filled, this.#filled + size);
    new DataView(output.buffer, output.byteOffset).setUint32(0, length);
    const frame = output.subarray(LENGTH_BYTES);
    gather(segments, NetHeader.LENGTH, frame);
    if (!finishChecksum(header, frame)) return false;
    this.#filled += size;
    return true;
  }

  #makeRoom(size: number): boolean {
    if (this.#filled + size <= OUTPUT_BYTES) return true;
    this.#flush();
    // Moved when that is little to move: a peer that reads slowly must not cost more than one that does not read.
    if (this.#sent >= OUTPUT_BYTES / 2) {
      this.#output.copyWithin(0, this.#sent, this.#filled);
      this.#filled -= this.#sent;
      this.#sent = 0;
    }
    return this.#filled + size <= OUTPUT_BYTES;
  }

  #flush(): void {
    while (this.#filled > this.#sent) {
      const vectors = Uint32Array.of(1, this.#sent, this.#filled - this.#sent);
      const memory = this.#output;
      if (native().writePackets({ fd: this.#fd, memory, vectors, packets: 1, results: this.#written }) === 0) {
        this.#watch.arm({ readable: false, writable: true });
        this.#congest(this.#filled - this.#sent > CONGESTED_BYTES || this.#congested);
        return;
      }
      const written = this.#written[0] ?? 0;
      if (written < 0) {
        this.disconnected();
        return;
      }
      this.#sent += written;
    }
    this.#sent = this.#filled = 0;
    this.#congest(false);
  }

  #congest(congested: boolean): void {
    if (congested === this.#congested) return;
    this.#congested = congested;
    this.#events?.congestion(congested);
  }
}
