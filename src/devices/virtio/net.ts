// virtio-net (virtio 1.2, 5.1): an Ethernet port. Queues: receiveq1 (0), transmitq1 (1).
//
// Offered: MAC, STATUS. Not supported: checksum and segmentation offloads (a port of the host's that could use them does not exist
// yet; without them a frame is at most 1514 bytes), MRG_RXBUF (needless then), the control queue, multiqueue.

import type { NetBackend } from "../../backends/net-backend.js";
import { VkrunError } from "../../errors.js";
import type { DeviceContext } from "../device.js";
import { VirtioDevice } from "./virtio-device.js";
import { DeviceId } from "./virtio-spec.js";
import type { VirtqRequest } from "./virtq-request.js";

const RECEIVE = 0;
const TRANSMIT = 1;
const QUEUE_SIZE = 256;

/** Feature bits (5.1.3). */
const enum NetFeature {
  MAC = 5,
  STATUS = 16,
}

/** struct virtio_net_hdr with num_buffers, which VERSION_1 has whether merged or not (5.1.6). */
const HEADER_LENGTH = 12;
const HEADER_NUM_BUFFERS = 10;
/** struct virtio_net_config: mac[6], status (5.1.4). */
const MAC_LENGTH = 6;
const CONFIG_LENGTH = 8;
const STATUS_LINK_UP = 1;

/** Address and type fields, a VLAN tag, 1500 bytes of payload. Larger frames cannot come without offloads. */
const FRAME_MAX = 1518;
const FRAME_MIN = 14;
/** Frames that wait for the guest, in the gate or for want of receive buffers; further ones are lost, as on any wire. */
const BACKLOG_MAX = 256;

export interface VirtioNetOptions {
  readonly name: string;
  readonly context: DeviceContext;
  readonly backend: NetBackend;
  /** Six bytes, a unicast address. */
  readonly mac: Uint8Array;
}

export class VirtioNet extends VirtioDevice {
  readonly deviceId = DeviceId.NET;
  readonly features = [NetFeature.MAC, NetFeature.STATUS];
  readonly queueSizes = [QUEUE_SIZE, QUEUE_SIZE];
  readonly config = new Uint8Array(CONFIG_LENGTH);

  readonly #backend: NetBackend;
  /** Frames that have entered the machine and wait for receive buffers. */
  #backlog: Uint8Array[] = [];
  /** Frames posted to the gate and not yet applied. */
  #posted = 0;

  constructor({ name, context, backend, mac }: VirtioNetOptions) {
    super(name, context);
    if (mac.length !== MAC_LENGTH || ((mac[0] ?? 0) & 1) !== 0) {
      throw new VkrunError("ERR_VKRUN_INVALID_OPTION", `the MAC address of ${name} is not a unicast Ethernet address`, {
        hint: "Give six bytes with an even first one, such as 52:54:00:12:34:56.",
      });
    }
    this.#backend = backend;
    this.config.set(mac);
    this.config[MAC_LENGTH] = STATUS_LINK_UP;
    backend.attach((frame) => this.#arrived(frame));
  }

  handleQueue(index: number): void {
    if (index === TRANSMIT) this.drain(TRANSMIT, (request) => this.#transmit(request));
    else if (index === RECEIVE) this.#deliver();
  }

  reset(): void {
    this.#backlog = [];
  }

  saveDevice(): Record<string, unknown> {
    return { backlog: [...this.#backlog] };
  }

  restoreDevice(state: Record<string, unknown>): void {
    this.#backlog = [...(state["backlog"] as Uint8Array[])];
  }

  #transmit(request: VirtqRequest): boolean {
    const length = request.readableLength - HEADER_LENGTH;
    if (length >= FRAME_MIN && length <= FRAME_MAX) {
      // Nothing in the header matters: without offloads its flags and gso_type are 0 (5.1.6.2).
      const frame = new Uint8Array(length);
      request.read(HEADER_LENGTH, frame);
      this.#backend.send(frame);
    } else this.counters.dropped++;
    this.complete(TRANSMIT, request, 0);
    return true;
  }

  /** A frame came in on the host's side, at any time. */
  #arrived(frame: Uint8Array): void {
    if (frame.length < FRAME_MIN || frame.length > FRAME_MAX || this.#posted + this.#backlog.length >= BACKLOG_MAX) {
      this.counters.dropped++;
      return;
    }
    this.#posted++;
    this.context.input.post(
      this.nextLabel("frame"),
      (payload) => {
        this.#posted--;
        if (payload === undefined || !this.transport.running) return;
        this.#backlog.push(payload);
        this.#deliver();
      },
      // Not slice(): that of a Buffer, which a backend may well give, is a view.
      new Uint8Array(frame),
    );
  }

  /** Moves waiting frames into receive buffers. One left over stays, and the driver's next buffers notify. */
  #deliver(): void {
    if (this.#backlog.length === 0) return;
    this.drain(RECEIVE, (request) => {
      const frame = this.#backlog.shift();
      this.complete(RECEIVE, request, frame === undefined ? 0 : this.#fill(request, frame));
      return this.#backlog.length > 0;
    });
  }

  /** Answers the length used: 0 for a buffer that the frame does not fit, which the driver takes for a runt. */
  #fill(request: VirtqRequest, frame: Uint8Array): number {
    const length = HEADER_LENGTH + frame.length;
    if (request.writableLength < length) {
      this.counters.dropped++;
      return 0;
    }
    const header = new Uint8Array(HEADER_LENGTH);
    header[HEADER_NUM_BUFFERS] = 1;
    request.write(0, header);
    request.write(HEADER_LENGTH, frame);
    return length;
  }
}
