import { finishPacket } from "./checksum.js";
import type { NetOffloads, ReceiveLimits } from "./net-backend.js";
import { type NetBackend, type NetCapabilities, type NetEvents, NO_OFFLOADS } from "./net-backend.js";
import { FRAME_MIN, FRAME_OVERHEAD, GSO_NONE, NetHeader } from "./net-header.js";
import { PacketQueue } from "./packet-queue.js";
import type { PacketStream, PacketStreamEvents } from "./packet-stream.js";
import type { PacketVectors } from "./packet-vectors.js";
import { gather, totalLength } from "./scatter.js";

/** Packets that wait for the guest. Beyond this the peer is not read from, and its own buffers fill. */
const WAITING_BYTES = 4 * 2 ** 20;

/** A network port with a peer like itself at the other end of a stream: packets go there as they are, header and all. */
export abstract class StreamNet implements NetBackend {
  readonly capabilities: NetCapabilities;
  readonly #queue = new PacketQueue();
  #stream: PacketStream | undefined;
  #full = false;

  protected constructor(mtu: number) {
    this.capabilities = { mtu, offloads: { ...NO_OFFLOADS, checksum: true } };
  }

  attach(events: NetEvents): void {
    this.#queue.attach(events);
    if (this.#stream === undefined) events.link(false);
  }

  accept(offloads: NetOffloads): void {
    this.#queue.accepted = offloads;
  }

  send(packets: PacketVectors): number {
    let lost = 0;
    for (const segments of packets.packets()) {
      const type = new Uint8Array(NetHeader.GSO_TYPE + 1);
      gather(segments, 0, type);
      // Segmentation was not offered.
      const sensible = type[NetHeader.GSO_TYPE] === GSO_NONE;
      const sent = sensible && this.#stream?.send(totalLength(segments), (message) => gather(segments, 0, message));
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
    return {
      place: (length) => {
        const most = NetHeader.LENGTH + FRAME_OVERHEAD + this.capabilities.mtu;
        return length < NetHeader.LENGTH + FRAME_MIN || length > most ? undefined : new Uint8Array(length);
      },
      arrived: (message) => this.#arrived(message),
      congestion: (congested) => this.#queue.events?.congestion(congested),
    };
  }

  #arrived(packet: Uint8Array): boolean {
    const { accepted } = this.#queue;
    const good = packet[NetHeader.GSO_TYPE] === GSO_NONE && (accepted.checksum || finishPacket(packet));
    if (good) this.#queue.push(packet);
    this.#full = this.#queue.bytes >= WAITING_BYTES;
    return !this.#full;
  }
}
