/** The end of the guest's network device that is turned to the embedder: frames go to its thread and come from there. */
import type { NetBackend, NetCapabilities, NetEvents, ReceiveLimits } from "../backends/net-backend.js";
import { NetHeader } from "../backends/net-header.js";
import { PacketQueue, packetOf, plainCapabilities } from "../backends/packet-queue.js";
import type { PacketVectors } from "../backends/packet-vectors.js";
import { gather, totalLength } from "../backends/scatter.js";
import type { FrameCredit } from "./frame-credit.js";

/** Frames that wait for the guest; further ones are lost. */
const WAITING_MAX = 256;

export interface EmbedderPortOptions {
  /** Takes a frame that the guest sent, which is its own from then on. */
  readonly post: (frame: Uint8Array) => void;
  readonly fromGuest: FrameCredit;
  readonly toGuest: FrameCredit;
  readonly mtu: number;
}

export class EmbedderPort implements NetBackend {
  readonly capabilities: NetCapabilities;
  readonly #options: EmbedderPortOptions;
  readonly #queue = new PacketQueue();

  constructor(options: EmbedderPortOptions) {
    this.#options = options;
    this.capabilities = plainCapabilities(options.mtu);
  }

  // What the device calls

  attach(events: NetEvents): void {
    this.#queue.attach(events);
  }

  accept(): void {}

  /** Nothing is left unfinished where nothing was offered, so the headers are of no interest. */
  send(packets: PacketVectors): number {
    let lost = 0;
    for (const segments of packets.packets()) {
      if (!this.#options.fromGuest.take()) {
        lost++;
        continue;
      }
      const frame = new Uint8Array(totalLength(segments) - NetHeader.LENGTH);
      gather(segments, NetHeader.LENGTH, frame);
      this.#options.post(frame);
    }
    return lost;
  }

  receive(room: PacketVectors, limits: ReceiveLimits): number {
    return this.#queue.receive(room, limits);
  }

  awaitPacket(): void {
    this.#queue.awaitPacket();
  }

  // What the vkernel's thread calls

  /** The embedder sent a frame. Without a machine it is lost, as with a computer that is switched off. */
  arrived(frame: Uint8Array): void {
    this.#options.toGuest.giveBack();
    if (this.#queue.length < WAITING_MAX) this.#queue.push(packetOf(frame));
  }

  /** Nothing is open: the port ends with its thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#queue.clear();
  }
}
