/**
 * The receive queue of a network device: packets from the backend into the driver's buffers, several for a long packet where
 * that was negotiated (virtio 1.2, 5.1.6.3, 5.1.6.4).
 *
 * Packets enter between slices only. In an ordinary run the device then has the backend put them straight into guest memory.
 * Where inputs are recorded, a packet has to be a payload of the input gate, and waits in the device for buffers.
 */
import type { NetBackend, NetOffloads, ReceiveLimits } from "../../backends/net-backend.js";
import { FRAME_MAX, FRAME_MIN, FRAME_OVERHEAD, GSO_NONE, NetHeader, NetHeaderFlag } from "../../backends/net-header.js";
import { PacketVectors } from "../../backends/packet-vectors.js";
import { scatter } from "../../backends/scatter.js";
import { segments } from "./net-features.js";
import type { VirtqRequest } from "./virtq-request.js";

/** Packets that wait in the gate or for want of buffers; further ones wait in the backend, or are lost there. */
const BACKLOG_MAX = 256;
/** Packets thrown away at a time: as many as a tap holds, and no endless stream. */
const DISCARD_MAX = 1024;
/** Room offered to the backend at a time, in longest packets. */
const BATCH = 4;
/** Buffers that are smaller, or cut up finer, are filled by way of a copy: the system takes a bounded number of pieces. */
const DIRECT_BYTES = 512;
const DIRECT_SEGMENTS = 20;
/** Of a packet: what tells whether the driver wants it. */
const HEAD_LENGTH = NetHeader.LENGTH + FRAME_OVERHEAD;

/** The receive queue, as the device lets its receiver at it. */
export interface ReceiveQueue {
  /** The driver is there. */
  readonly running: boolean;
  /** Buffers that one turn may take; see VirtioDevice.drain. */
  readonly size: number;
  pop(): VirtqRequest | undefined;
  complete(request: VirtqRequest, written: number): void;
  flush(): void;
  dropped(): void;
}

export interface NetReceiverOptions {
  readonly backend: NetBackend;
  readonly queue: ReceiveQueue;
  /** All of linear memory. */
  readonly memory: Uint8Array;
  /** Inputs are recorded, or come from a recording. */
  readonly logged: boolean;
  readonly mtu: number;
  /** Posts a packet to the gate, or that there are some. */
  readonly post: (apply: (packet?: Uint8Array) => void, packet?: Uint8Array) => void;
  /** Whether the driver wants a frame that begins like this. */
  readonly accepts: (frame: Uint8Array) => boolean;
}

export class NetReceiver {
  readonly #options: NetReceiverOptions;
  readonly #room: PacketVectors;
  readonly #scratch = PacketVectors.whole(new Uint8Array(NetHeader.LENGTH + FRAME_MAX));
  readonly #head = new Uint8Array(HEAD_LENGTH);
  readonly #numBuffers = new Uint8Array(2);
  #limits: ReceiveLimits = { maximum: 0, mergeable: false };
  #takesSegments = false;
  #takesUnfinished = false;
  /** Buffers that the driver gave and that hold nothing yet, in their order. */
  #buffers: VirtqRequest[] = [];
  /** Packets that have entered the machine and wait for buffers. */
  #backlog: Uint8Array[] = [];
  /** Packets posted to the gate and not yet applied; those of before a reset count too, until they are gone. */
  #posted = 0;
  /** A turn is posted to the gate. */
  #turnDue = false;
  /** More packets may be there, but nobody awaits them: there was no room. */
  #full = false;

  constructor(options: NetReceiverOptions) {
    this.#options = options;
    this.#room = new PacketVectors(options.memory);
  }

  /** The driver has settled what it takes. */
  start(mergeable: boolean, offloads: NetOffloads): void {
    this.#limits = { maximum: this.#maximum(offloads), mergeable };
    this.setOffloads(offloads);
    this.#discard();
  }

  setOffloads(offloads: NetOffloads): void {
    this.#limits = { ...this.#limits, maximum: this.#maximum(offloads) };
    this.#takesSegments = segments(offloads);
    this.#takesUnfinished = offloads.checksum;
    this.#options.backend.accept(offloads);
  }

  reset(): void {
    this.resetQueue();
    this.#backlog = [];
  }

  resetQueue(): void {
    this.#buffers = [];
  }

  get backlog(): readonly Uint8Array[] {
    return this.#backlog;
  }

  restore(backlog: readonly Uint8Array[], buffers: readonly VirtqRequest[]): void {
    this.#backlog = [...backlog];
    this.#buffers = [...buffers];
  }

  /** The backend has packets. At any time. */
  readable(): void {
    if (this.#options.logged) this.#log();
    else this.#takeTurn();
  }

  /** The driver offered buffers. */
  offered(): void {
    if (this.#backlog.length > 0) this.#deliverBacklog();
    if (!this.#full || this.#backlog.length > 0) return;
    this.#full = false;
    this.readable();
  }

  /** Posts packets that have come, as many as may wait. */
  #log(): void {
    const { backend, post } = this.#options;
    const limits = { maximum: NetHeader.LENGTH + FRAME_MAX, mergeable: false };
    while (this.#posted + this.#backlog.length < BACKLOG_MAX) {
      if (backend.receive(this.#scratch, limits) === 0) {
        backend.awaitPacket();
        return;
      }
      this.#posted++;
      post((packet) => this.#enter(packet), this.#scratch.memory.slice(0, this.#scratch.results[0]));
    }
    this.#full = true;
  }

  #enter(packet: Uint8Array | undefined): void {
    this.#posted--;
    const { running } = this.#options.queue;
    if (packet !== undefined && running && this.#wanted(packet.subarray(0, HEAD_LENGTH), packet.length)) {
      this.#backlog.push(packet);
      this.#deliverBacklog();
    }
    if (this.#full && this.#backlog.length === 0) {
      this.#full = false;
      this.#log();
    }
  }

  #takeTurn(): void {
    if (this.#turnDue) return;
    this.#turnDue = true;
    this.#options.post(() => {
      this.#turnDue = false;
      this.#turn();
    });
  }

  /** Moves what waits in the backend into the driver's buffers, between slices. */
  #turn(): void {
    const { backend, queue } = this.#options;
    if (!queue.running) {
      this.#discard();
      return;
    }
    // Where rings and buffers overlap, what is written may offer new buffers for ever.
    let left = queue.size + BATCH;
    while (left > 0) {
      const { maximum } = this.#limits;
      left -= this.#refill(BATCH * maximum);
      if (this.#buffers.length === 0) {
        // The driver's next ones notify.
        this.#full = true;
        break;
      }
      const direct = this.#offerRoom() >= maximum;
      const room = direct ? this.#room : this.#scratch;
      const packets = backend.receive(room, direct ? this.#limits : { maximum, mergeable: false });
      if (packets === 0) {
        backend.awaitPacket();
        break;
      }
      if (direct) {
        for (let index = 0; index < packets; index++) this.#finish(room.results[index] ?? 0);
        left -= packets;
        continue;
      }
      const packet = room.memory.slice(0, room.results[0]);
      left--;
      if (!this.#wanted(packet.subarray(0, HEAD_LENGTH), packet.length)) continue;
      this.#backlog.push(packet);
      this.#deliverBacklog();
      if (this.#backlog.length > 0) {
        this.#full = true;
        break;
      }
    }
    queue.flush();
    if (left <= 0) this.#takeTurn();
  }

  /** Takes buffers until they have room for `bytes`, or there are no more; answers how many. */
  #refill(bytes: number): number {
    const { queue } = this.#options;
    let room = 0;
    for (const buffer of this.#buffers) room += buffer.writableLength;
    let taken = 0;
    while (room < bytes && taken <= queue.size) {
      const buffer = queue.pop();
      if (buffer === undefined) break;
      this.#buffers.push(buffer);
      room += buffer.writableLength;
      taken++;
    }
    return taken;
  }

  /** Describes the buffers that can be read into directly; answers the room in them, or of the first where each is alone. */
  #offerRoom(): number {
    const room = this.#room;
    const { maximum, mergeable } = this.#limits;
    room.clear();
    let bytes = 0;
    for (const buffer of this.#buffers) {
      const { writableLength, writableSegments } = buffer;
      if (writableLength < (mergeable ? DIRECT_BYTES : maximum) || writableSegments > DIRECT_SEGMENTS) break;
      if (!room.begin(writableSegments)) break;
      buffer.eachWritable((address, length) => room.add(address, length));
      bytes += writableLength;
    }
    return bytes;
  }

  /** A packet lies in the first buffers: hands them over. */
  #finish(length: number): void {
    let count = 0;
    for (let covered = 0; covered < length; count++) covered += this.#buffers[count]?.writableLength ?? length;
    const used = this.#buffers.splice(0, count);
    const [first] = used;
    if (first === undefined) return;
    const head = this.#head.subarray(0, first.readBack(0, this.#head));
    if (!this.#wanted(head, length)) {
      // Written to all the same, and free for the next packet.
      for (const buffer of used) buffer.wrote(0, buffer.writableLength);
      this.#buffers.push(...used);
      return;
    }
    this.#writeNumBuffers(count);
    first.write(NetHeader.NUM_BUFFERS, this.#numBuffers);
    this.#complete(used, length);
  }

  /** Delivers waiting packets while there are buffers. What is left then waits for the driver's next ones, which notify. */
  #deliverBacklog(): void {
    let delivered = 0;
    for (const packet of this.#backlog) {
      if (!this.#deliver(packet)) break;
      delivered++;
    }
    this.#backlog.splice(0, delivered);
    this.#options.queue.flush();
  }

  #deliver(packet: Uint8Array): boolean {
    const { queue } = this.#options;
    const used: VirtqRequest[] = [];
    let room = 0;
    do {
      const buffer = this.#buffers.shift() ?? queue.pop();
      if (buffer === undefined) {
        this.#buffers = used;
        return false;
      }
      used.push(buffer);
      room += buffer.writableLength;
      // Nothing fits in there, and a queue full of them would wait for ever.
    } while (this.#limits.mergeable && room < packet.length && used.length < queue.size);
    if (room < packet.length) {
      // Length 0 says that it was not used; the driver takes it for a runt.
      for (const buffer of used) queue.complete(buffer, 0);
      queue.dropped();
      return true;
    }
    this.#writeNumBuffers(used.length);
    packet.set(this.#numBuffers, NetHeader.NUM_BUFFERS);
    scatter(
      used.flatMap((buffer) => buffer.toWrite(0, buffer.writableLength)),
      0,
      packet,
    );
    this.#complete(used, packet.length);
    return true;
  }

  #complete(buffers: readonly VirtqRequest[], length: number): void {
    let left = length;
    for (const buffer of buffers) {
      const part = Math.min(left, buffer.writableLength);
      this.#options.queue.complete(buffer, part);
      left -= part;
    }
  }

  #writeNumBuffers(count: number): void {
    this.#numBuffers[0] = count & 0xff;
    this.#numBuffers[1] = count >>> 8;
  }

  /** Throws away what came while nobody was there to take it, and waits for more. */
  #discard(): void {
    const { backend, queue } = this.#options;
    const limits = { maximum: NetHeader.LENGTH + FRAME_MAX, mergeable: false };
    for (let left = DISCARD_MAX; left > 0; left--) {
      if (backend.receive(this.#scratch, limits) === 0) {
        backend.awaitPacket();
        return;
      }
      queue.dropped();
    }
    backend.awaitPacket();
  }

  /** Whether the driver takes a packet: it may have come before the driver said what it takes, or not be meant for it. */
  #wanted(head: Uint8Array, length: number): boolean {
    const fits = length >= NetHeader.LENGTH + FRAME_MIN && length <= this.#limits.maximum;
    const unfinished = ((head[NetHeader.FLAGS] ?? 0) & NetHeaderFlag.NEEDS_CSUM) !== 0;
    const segmented = (head[NetHeader.GSO_TYPE] ?? 0) !== GSO_NONE;
    if (!fits || (unfinished && !this.#takesUnfinished) || (segmented && !this.#takesSegments)) {
      this.#options.queue.dropped();
      return false;
    }
    return this.#options.accepts(head.subarray(NetHeader.LENGTH));
  }

  #maximum(offloads: NetOffloads): number {
    return NetHeader.LENGTH + (segments(offloads) ? FRAME_MAX : this.#options.mtu + FRAME_OVERHEAD);
  }
}
