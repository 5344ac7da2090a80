import type { NetBackend, NetCapabilities, NetEvents, ReceiveLimits } from "./net-backend.js";
import { PacketQueue } from "./packet-queue.js";
import type { PacketVectors } from "./packet-vectors.js";

/** The network of a recorded run: what it could do then, packets out of the recording, and nobody who gets what is sent. */
export class ReplayNet implements NetBackend {
  readonly #queue = new PacketQueue();

  constructor(
    readonly capabilities: NetCapabilities,
    /** Somebody who looks on. */
    private readonly sink?: (packets: PacketVectors) => void,
  ) {}

  // What the replay calls

  inject(packet: Uint8Array): void {
    this.#queue.push(new Uint8Array(packet));
  }

  injectLink(up: boolean): void {
    this.#queue.events?.link(up);
  }

  injectCongestion(congested: boolean): void {
    this.#queue.events?.congestion(congested);
  }

  // What the device calls

  attach(events: NetEvents): void {
    this.#queue.attach(events);
  }

  /** The packets were made to what the driver took then. */
  accept(): void {}

  send(packets: PacketVectors): number {
    this.sink?.(packets);
    return 0;
  }

  receive(room: PacketVectors, limits: ReceiveLimits): number {
    return this.#queue.receive(room, limits);
  }

  awaitPacket(): void {
    this.#queue.awaitPacket();
  }

  /** Nothing is open. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#queue.clear();
  }
}
