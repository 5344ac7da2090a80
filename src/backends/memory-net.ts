import { finishPacket } from "./checksum.js";
import type { NetBackend, NetCapabilities, NetEvents, NetOffloads, ReceiveLimits } from "./net-backend.js";
import { ETHERNET_MTU } from "./net-header.js";
import { PacketQueue, plainCapabilities } from "./packet-queue.js";
import type { PacketVectors } from "./packet-vectors.js";
import { gather, totalLength } from "./scatter.js";

/** Packets under way in one direction; further ones are lost. */
const CABLE_MAX = 256;

/** Two network ports with a cable between them: a packet sent into one comes out of the other at once. */
export function memoryCable(capabilities = plainCapabilities(ETHERNET_MTU)): [NetBackend, NetBackend] {
  const left = new CableEnd(capabilities);
  const right = new CableEnd(capabilities);
  left.plug(right);
  right.plug(left);
  return [left, right];
}

class CableEnd implements NetBackend {
  readonly #queue = new PacketQueue();
  #peer: CableEnd | undefined;

  constructor(readonly capabilities: NetCapabilities) {}

  plug(peer: CableEnd): void {
    this.#peer = peer;
  }

  attach(events: NetEvents): void {
    this.#queue.attach(events);
    if (this.#peer === undefined) events.link(false);
  }

  accept(offloads: NetOffloads): void {
    this.#queue.accepted = offloads;
  }

  /** With nobody at the other end a packet is lost, as on any cable. */
  send(packets: PacketVectors): number {
    let lost = 0;
    for (const segments of packets.packets()) {
      const packet = new Uint8Array(totalLength(segments));
      gather(segments, 0, packet);
      if (this.#peer?.arrived(packet) !== true) lost++;
    }
    return lost;
  }

  arrived(packet: Uint8Array): boolean {
    if (this.#queue.length >= CABLE_MAX) return false;
    if (!this.#queue.accepted.checksum && !finishPacket(packet)) return false;
    this.#queue.push(packet);
    return true;
  }

  receive(room: PacketVectors, limits: ReceiveLimits): number {
    return this.#queue.receive(room, limits);
  }

  awaitPacket(): void {
    this.#queue.awaitPacket();
  }

  /** Unplugs both ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    const peer = this.#peer;
    this.#peer = undefined;
    if (peer === undefined) return;
    peer.#peer = undefined;
    peer.#queue.events?.link(false);
  }
}
