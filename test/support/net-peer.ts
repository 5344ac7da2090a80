// Somebody at the other end of a cable: sends frames or whole packets, and keeps what comes.

import type { NetBackend } from "../../src/backends/net-backend.js";
import { FRAME_MAX, NetHeader } from "../../src/backends/net-header.js";
import { PacketVectors } from "../../src/backends/packet-vectors.js";

export const HEADER = NetHeader.LENGTH;

/** Bytes as vectors: one packet in one segment. */
export function vectors(...packets: Uint8Array[]): PacketVectors {
  const memory = Buffer.concat(packets);
  const list = new PacketVectors(memory);
  let at = 0;
  for (const { length } of packets) {
    list.begin(1);
    list.add(at, length);
    at += length;
  }
  return list;
}

/** The fields of struct virtio_net_hdr that are not 0. */
export interface Header {
  readonly flags?: number;
  readonly gsoType?: number;
  readonly hdrLen?: number;
  readonly gsoSize?: number;
  readonly csumStart?: number;
  readonly csumOffset?: number;
}

export function packet(frame: Uint8Array, header: Header = {}): Uint8Array {
  const bytes = new Uint8Array(HEADER + frame.length);
  const fields = new DataView(bytes.buffer);
  bytes[NetHeader.FLAGS] = header.flags ?? 0;
  bytes[NetHeader.GSO_TYPE] = header.gsoType ?? 0;
  fields.setUint16(NetHeader.HDR_LEN, header.hdrLen ?? 0, true);
  fields.setUint16(NetHeader.GSO_SIZE, header.gsoSize ?? 0, true);
  fields.setUint16(NetHeader.CSUM_START, header.csumStart ?? 0, true);
  fields.setUint16(NetHeader.CSUM_OFFSET, header.csumOffset ?? 0, true);
  bytes.set(frame, HEADER);
  return bytes;
}

export class NetPeer {
  /** Whole packets. */
  readonly packets: Uint8Array[] = [];
  readonly links: boolean[] = [];
  readonly congestion: boolean[] = [];

  constructor(readonly backend: NetBackend) {
    const memory = new Uint8Array(HEADER + FRAME_MAX);
    const room = PacketVectors.whole(memory);
    const limits = { maximum: memory.length, mergeable: false };
    backend.attach({
      readable: () => {
        while (backend.receive(room, limits) > 0) this.packets.push(memory.slice(0, room.results[0]));
        backend.awaitPacket();
      },
      link: (up) => this.links.push(up),
      congestion: (congested) => this.congestion.push(congested),
    });
    backend.awaitPacket();
  }

  /** What came, without headers. */
  get frames(): Uint8Array[] {
    return this.packets.map((bytes) => bytes.slice(HEADER));
  }

  send(frame: Uint8Array): void {
    this.backend.send(vectors(packet(frame)));
  }

  sendPacket(bytes: Uint8Array): void {
    this.backend.send(vectors(bytes));
  }
}
