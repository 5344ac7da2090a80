import { VirtioDevice } from "../../../src/devices/virtio/virtio-device.js";
import type { VirtqRequest } from "../../../src/devices/virtio/virtq-request.js";

/** Counts what the transport asks of it, and answers each request with one byte. */
export class ProbeDevice extends VirtioDevice {
  readonly deviceId = 42;
  readonly features = [3, 50];
  readonly queueSizes = [16, 64];
  readonly config = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
  readonly handled: number[] = [];
  readonly configWrites: [number, number, number][] = [];
  readonly queueResets: number[] = [];
  resets = 0;
  /** Requests are taken and kept, until `answerHeld`. */
  holding = false;
  #held: { index: number; request: VirtqRequest }[] = [];
  onRequest: () => void = () => {};

  handleQueue(index: number): void {
    this.handled.push(index);
    this.drain(index, (request) => {
      if (this.holding) {
        this.#held.push({ index, request });
        return true;
      }
      request.write(0, Uint8Array.of(0xaa));
      this.onRequest();
      this.complete(index, request, 1);
      return true;
    });
  }

  reset(): void {
    this.resets++;
  }

  override resetQueue(index: number): void {
    this.queueResets.push(index);
  }

  answerHeld(): void {
    for (const { index, request } of this.#held.splice(0)) {
      if (this.live(index, request)) request.write(0, Uint8Array.of(0xbb));
      this.complete(index, request, 1);
      this.flush(index);
    }
  }

  override writeConfig(offset: number, size: number, value: number): void {
    this.configWrites.push([offset, size, value]);
  }

  changeConfig(): void {
    this.transport.notifyConfig();
  }

  saveDevice(): Record<string, unknown> {
    return { resets: this.resets };
  }

  restoreDevice(state: Record<string, unknown>): void {
    this.resets = Number(state["resets"]);
    for (const index of this.queueSizes.keys()) {
      for (const request of this.queue(index).underWay()) this.#held.push({ index, request });
    }
  }
}
