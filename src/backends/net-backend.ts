import type { PacketVectors } from "./packet-vectors.js";

/** Work on packets that sender and receiver may leave to each other, as struct virtio_net_hdr says (virtio 1.2, 5.1.6). */
export interface NetOffloads {
  /** Checksums may be left to be finished. All others need this one. */
  readonly checksum: boolean;
  /** TCP segments longer than the link's, over IPv4 and over IPv6, and with ECN. */
  readonly tso4: boolean;
  readonly tso6: boolean;
  readonly ecn: boolean;
  /** UDP datagrams to be cut into fragments, or into datagrams of their own. */
  readonly ufo: boolean;
  readonly uso: boolean;
}

export const NO_OFFLOADS: NetOffloads = Object.freeze({
  checksum: false,
  tso4: false,
  tso6: false,
  ecn: false,
  ufo: false,
  uso: false,
});

export interface NetCapabilities {
  /** The longest payload of an Ethernet frame that is not segmented later. */
  readonly mtu: number;
  readonly offloads: NetOffloads;
}

/** What a backend reports; at any time. */
export interface NetEvents {
  /** There is something to `receive`. Once for each `awaitPacket`. */
  readable(): void;
  /** The cable was plugged in or pulled. */
  link(up: boolean): void;
  /** True: `send` had better not be called for a while. */
  congestion(congested: boolean): void;
}

/** What the packets are that a `receive` can take. */
export interface ReceiveLimits {
  /** The longest packet, its header included. */
  readonly maximum: number;
  /** Whether a packet may lie in several buffers. */
  readonly mergeable: boolean;
}

/**
 * A network port: packets in and out, each a struct virtio_net_hdr of 12 bytes (NetHeader) and an Ethernet frame. As on
 * any wire, what there is no room for is lost.
 */
export interface NetBackend extends AsyncDisposable {
  readonly capabilities: NetCapabilities;
  /** Called by the device, once for each machine that there is: the newest one is attached. The link is taken for up. */
  attach(events: NetEvents): void;
  /** What the receiver can take unfinished, a part of `capabilities.offloads`. None of it before this is called. */
  accept(offloads: NetOffloads): void;
  /** Takes packets. Nothing of them may be kept, for the memory that they lie in is the guest's. Answers how many were lost. */
  send(packets: PacketVectors): number;
  /**
   * Puts packets that wait into the buffers of `room`, and their lengths into `room.results`; answers how many. Stops where
   * what is left of `room` might be too small for the next one.
   */
  receive(room: PacketVectors, limits: ReceiveLimits): number;
  /** Has `readable` called as soon as there is a packet. */
  awaitPacket(): void;
}
