import { finishChecksum, finishPacket } from "./checksum.js";
import type { NetOffloads, ReceiveLimits } from "./net-backend.js";
import { type NetBackend, type NetCapabilities, type NetEvents, NO_OFFLOADS } from "./net-backend.js";
import { FRAME_MIN, FRAME_OVERHEAD, GSO_NONE, NetHeader, NetHeaderFlag } from "./net-header.js";
import { PacketQueue } from "./packet-queue.js";
import type { PacketStream, PacketStreamEvents } from "./packet-stream.js";
import type { PacketVectors } from "./packet-vectors.js";
import { gather, totalLength } from "./scatter.js";

/** Packets that wait for the guest. Beyond this the peer is not read from, and its own buffers fill. */
const WAITING_BYTES = 4 * 2 ** 20;

/**
 * The part of a network port that is the same for all peers at the other end of a stream. `bare`: the peer knows frames
 * only, so that what stands in a packet's header is done here.
 */
export abstract class StreamNet implements NetBackend {
  readonly capabilities: NetCapabilities;
  readonly #queue = new PacketQueue();
  readonly #bare: boolean;
  #stream: PacketStream | undefined;
  #full = false;

  protected constructor({ mtu, bare }: { mtu: number; bare: boolean }) {
    this.capabilities = { mtu, offloads: { ...NO_OFFLOADS, checksum: true } };
    this.#bare = bare;
  }

  attach(events: NetEvents): void {
    this.#queue.attach(events);
    if (this.#stream === undefined) events.link(false);
  }

  accept(offloads: NetOffloads): void {
    this.#queue.accepted = offloads;
  }

  send(packets: PacketVectors): number {
    const skip = this.#bare ? NetHeader.LENGTH : 0;
    let lost = 0;
    for (const segments of packets.packets()) {
      const length = totalLength(segments);
      const header = new Uint8Array(NetHeader.LENGTH);
      gather(segments, 0, header);
      // Segmentation was not offered.
      const sensible = header[NetHeader.GSO_TYPE] === GSO_NONE;
      const sent = sensible && this.#stream?.send(length - skip, (message) => this.#write(message, segments, header));
      if (sent !== true) lost++;
    }
    return lost;
  }

  receive(room: PacketVectors, limits: ReceiveLimits): number {
    const count = this.#queue.receive(room, limits);
    if (this.#full && this.#queue.bytes < WAITING_BYTES / 2) {
      this.#full = false;
      this.#stream?.resume();
    }
    return count;
  }

  awaitPacket(): void {
    this.#queue.awaitPacket();
  }

  abstract [Symbol.asyncDispose](): Promise<void>;

  /** The peer is there: frames go this way from now on. */
  protected connected(stream: PacketStream): void {
    this.#stream = stream;
    this.#queue.events?.link(true);
  }

  /** The peer is gone. */
  protected disconnected(): void {
    if (this.#stream === undefined) return;
    this.#stream = undefined;
    this.#full = false;
    this.#queue.events?.congestion(false);
    this.#queue.events?.link(false);
  }

  /** What a PacketStream wants to know, but for its end. */
  protected get streamEvents(): Omit<PacketStreamEvents, "closed"> {
    const skip = this.#bare ? NetHeader.LENGTH : 0;
    return {
      place: (length) => {
        const packet = length + skip;
        const most = NetHeader.LENGTH + FRAME_OVERHEAD + this.capabilities.mtu;
        if (packet < NetHeader.LENGTH + FRAME_MIN || packet > most) return undefined;
        return new Uint8Array(packet).subarray(skip);
      },
      arrived: (message) => this.#arrived(new Uint8Array(message.buffer)),
      congestion: (congested) => this.#queue.events?.congestion(congested),
    };
  }

  #write(message: Uint8Array, segments: readonly Uint8Array[], header: Uint8Array): void {
    const skip = this.#bare ? NetHeader.LENGTH : 0;
    gather(segments, skip, message);
    if (this.#bare) finishChecksum(header, message);
  }

  #arrived(packet: Uint8Array): boolean {
    const { accepted } = this.#queue;
    // It came from a process of this host, over no wire: passt has made or checked the checksums.
    if (this.#bare) packet[NetHeader.FLAGS] = accepted.checksum ? NetHeaderFlag.DATA_VALID : 0;
    const good = packet[NetHeader.GSO_TYPE] === GSO_NONE && (accepted.checksum || finishPacket(packet));
    if (good) this.#queue.push(packet);
    this.#full = this.#queue.bytes >= WAITING_BYTES;
    return !this.#full;
  }
}
