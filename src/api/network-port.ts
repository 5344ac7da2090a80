/**
 * The other end of the cable in the guest's network device: whole Ethernet frames, without the frame check sequence. As
 * on a real cable, a frame that its receiver has no room for is lost, and neither side is ever held up.
 */
import { EventEmitter } from "node:events";
import { VkrunError } from "../errors.js";
import type { FrameCredit } from "../machine/frame-credit.js";

/** Destination, source and type (IEEE 802.3, 3.1.1). */
const FRAME_MIN = 14;
/** The longest that a virtio network device can be given (virtio 1.2, 5.1.6.3). */
const FRAME_MAX = 65_550;

export interface NetworkPortEvents {
  /** The guest sent a frame. */
  frame: [frame: Uint8Array];
}

export interface NetworkPortWires {
  /** Takes a frame for the guest, which is its own from then on. */
  readonly post: (frame: Uint8Array) => void;
  readonly fromGuest: FrameCredit;
  readonly toGuest: FrameCredit;
}

export class NetworkPort extends EventEmitter<NetworkPortEvents> {
  /** The guest's address, as "52:54:00:12:34:56". */
  readonly mac: string;
  readonly #wires: NetworkPortWires;

  constructor(mac: string, wires: NetworkPortWires) {
    super();
    this.mac = mac;
    this.#wires = wires;
  }

  /** Sends a frame to the guest. The caller may reuse the array. */
  send(frame: Uint8Array): void {
    if (!(frame.length >= FRAME_MIN && frame.length <= FRAME_MAX)) {
      throw new VkrunError("ERR_VKRUN_FRAME_SIZE", `${frame.length} bytes are not an Ethernet frame`, {
        hint: `A frame has ${FRAME_MIN} to ${FRAME_MAX} bytes: addresses, type and payload, without a checksum.`,
      });
    }
    // Not slice(): that of a Buffer is a view of memory which may be shared with others, and would be taken from them.
    if (this.#wires.toGuest.take()) this.#wires.post(new Uint8Array(frame));
  }

  /** The guest sent a frame. */
  arrived(frame: Uint8Array): void {
    this.#wires.fromGuest.giveBack();
    this.emit("frame", frame);
  }
}
