import type { NetCapabilities, NetEvents, NetOffloads, ReceiveLimits } from "./net-backend.js";
import { NO_OFFLOADS } from "./net-backend.js";
import { NetHeader } from "./net-header.js";
import { BufferCursor, type PacketVectors } from "./packet-vectors.js";

/**
 * The receiving side of a backend whose packets come to it one by one: they wait here, header and frame, until the device
 * takes them. Who owns the queue bounds it.
 */
export class PacketQueue {
  #packets: Uint8Array[] = [];
  #bytes = 0;
  /** Taken, and not yet cut off the list. */
  #head = 0;
  #events: NetEvents | undefined;
  #awaited = false;
  /** What the receiver takes unfinished. */
  accepted: NetOffloads = NO_OFFLOADS;

  get length(): number {
    return this.#packets.length - this.#head;
  }

  /** Of the packets that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  get events(): NetEvents | undefined {
    return this.#events;
  }

  attach(events: NetEvents): void {
    this.#events = events;
    this.#awaited = false;
    this.accepted = NO_OFFLOADS;
  }

  /** Takes a packet that is nobody else's from now on. */
  push(packet: Uint8Array): void {
    this.#packets.push(packet);
    this.#bytes += packet.length;
    if (!this.#awaited) return;
    this.#awaited = false;
    this.#events?.readable();
  }

  clear(): void {
    this.#packets = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  awaitPacket(): void {
    this.#awaited = this.length === 0;
    if (!this.#awaited) this.#events?.readable();
  }

  receive(room: PacketVectors, { maximum, mergeable }: ReceiveLimits): number {
    const buffers = new BufferCursor(room);
    let count = 0;
    while (this.length > 0) {
      const packet = this.#packets[this.#head] as Uint8Array;
      if (packet.length <= maximum) {
        if (!buffers.take(packet.length, mergeable)) break;
        buffers.write(packet);
        room.results[count++] = packet.length;
      }
      this.#shift();
    }
    return count;
  }

  #shift(): void {
    this.#bytes -= this.#packets[this.#head]?.length ?? 0;
    // One by one off the front of a long array would move all of it each time.
    if (++this.#head < 64 && this.#head < this.#packets.length) return;
    this.#packets = this.#packets.slice(this.#head);
    this.#head = 0;
  }
}

/** What can be said of packets that are frames and nothing else. */
export function plainCapabilities(mtu: number): NetCapabilities {
  return { mtu, offloads: NO_OFFLOADS };
}

/** A packet from a frame that nothing is to be done to. */
export function packetOf(frame: Uint8Array): Uint8Array {
  const packet = new Uint8Array(NetHeader.LENGTH + frame.length);
  packet.set(frame, NetHeader.LENGTH);
  return packet;
}
