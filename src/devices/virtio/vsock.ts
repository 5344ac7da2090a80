// virtio-vsock (virtio 1.2, 5.10): streams between ports of the guest and of the host, without a network. Queues: rx (0), tx (1),
// event (2).
//
// Offered: STREAM. Not supported: SEQPACKET, other guests' addresses. A stream's state is the device's; what the host does to one
// enters through the input gate, with all there is to it as the event's payload. Streams do not outlive a saved state: a
// restored device tells the guest to forget them (TRANSPORT_RESET).

import {
  STREAM_WINDOW,
  STREAMS_MAX,
  type StreamKey,
  type VsockBackend,
  type VsockGuest,
} from "../../backends/vsock-backend.js";
import type { DeviceContext } from "../device.js";
import { VirtioDevice } from "./virtio-device.js";
import { DeviceId } from "./virtio-spec.js";
import type { VirtqRequest } from "./virtq-request.js";
import {
  decodeHeader,
  encodeHeader,
  HEADER_LENGTH,
  HOST_CID,
  TYPE_STREAM,
  type VsockHeader,
  VsockOp,
} from "./vsock-packet.js";
import { VsockStream } from "./vsock-stream.js";

const RECEIVE = 0;
const TRANSMIT = 1;
const EVENT = 2;
const QUEUE_SIZE = 128;
const FEATURE_STREAM = 0;
const CONFIG_LENGTH = 8;
const TRANSPORT_RESET = 0;

/** Linux cuts at 64 KiB; no driver has a reason to send more than there can be credit for. */
const DATA_MAX = STREAM_WINDOW;
/** Resets that wait for receive buffers. Beyond, nothing is read from the guest: each packet may cause one. */
const RESETS_MAX = 256;

/** What the host did, as the first byte of an event's payload; hostPort[4] guestPort[4] and what belongs to it follow. */
const enum HostEvent {
  CONNECT = 0,
  ACCEPT = 1,
  REFUSE = 2,
  DATA = 3,
  CONSUMED = 4,
  END = 5,
  CLOSE = 6,
}
const EVENT_HEADER = 9;

export interface VirtioVsockOptions {
  readonly name: string;
  readonly context: DeviceContext;
  readonly backend: VsockBackend;
  /** The guest's address: 3 or more. */
  readonly cid: number;
}

export class VirtioVsock extends VirtioDevice implements VsockGuest {
  readonly deviceId = DeviceId.VSOCK;
  readonly features = [FEATURE_STREAM];
  readonly queueSizes = [QUEUE_SIZE, QUEUE_SIZE, QUEUE_SIZE];
  readonly config = new Uint8Array(CONFIG_LENGTH);

  readonly #backend: VsockBackend;
  readonly #cid: bigint;
  /** In the order in which they are looked at for something to send. */
  readonly #streams = new Map<string, VsockStream>();
  #resets: VsockHeader[] = [];
  #eventDue = false;

  constructor({ name, context, backend, cid }: VirtioVsockOptions) {
    super(name, context);
    this.#backend = backend;
    this.#cid = BigInt(cid);
    new DataView(this.config.buffer).setBigUint64(0, this.#cid, true);
    backend.attach(this);
  }

  // What the host's side calls

  connect(key: StreamKey): void {
    this.#post(HostEvent.CONNECT, key);
  }

  accept(key: StreamKey): void {
    this.#post(HostEvent.ACCEPT, key);
  }

  refuse(key: StreamKey): void {
    this.#post(HostEvent.REFUSE, key);
  }

  data(key: StreamKey, bytes: Uint8Array): void {
    this.#post(HostEvent.DATA, key, bytes);
  }

  consumed(key: StreamKey, length: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, length, true);
    this.#post(HostEvent.CONSUMED, key, bytes);
  }

  end(key: StreamKey): void {
    this.#post(HostEvent.END, key);
  }

  close(key: StreamKey): void {
    this.#post(HostEvent.CLOSE, key);
  }

  /** Ends all streams and tells the guest so: the host is another one, or the guest's address. */
  resetTransport(): void {
    this.context.input.post(this.nextLabel("reset"), () => this.#forgetStreams());
  }

  /** A recorded event. */
  inject(payload: Uint8Array): void {
    this.context.input.post(this.nextLabel("stream"), (recorded = payload) => this.#apply(recorded), payload);
  }

  handleQueue(index: number): void {
    if (index === TRANSMIT) this.#takePackets();
    else if (index === RECEIVE) {
      this.#sendPackets();
      // There may be room for answers again.
      this.#takePackets();
    } else this.#sendEvent();
  }

  /** The driver is a new one, and knows of no streams. */
  reset(): void {
    for (const { key } of this.#streams.values()) this.#backend.close(key);
    this.#streams.clear();
    this.#resets = [];
    this.#eventDue = false;
  }

  saveDevice(): Record<string, unknown> {
    return { eventDue: this.#eventDue };
  }

  /** Whatever streams the guest had are over, and it has to be told so: an input like any other. */
  restoreDevice(state: Record<string, unknown>): void {
    this.#eventDue = state["eventDue"] === true;
    this.resetTransport();
  }

  #forgetStreams(): void {
    this.reset();
    this.#eventDue = true;
    if (this.transport.running) this.#sendEvent();
  }

  #post(kind: HostEvent, { hostPort, guestPort }: StreamKey, data: Uint8Array = new Uint8Array(0)): void {
    const payload = new Uint8Array(EVENT_HEADER + data.length);
    const view = new DataView(payload.buffer);
    view.setUint8(0, kind);
    view.setUint32(1, hostPort, true);
    view.setUint32(5, guestPort, true);
    payload.set(data, EVENT_HEADER);
    this.inject(payload);
  }

  /** What the host did takes effect. */
  #apply(payload: Uint8Array): void {
    if (payload.length < EVENT_HEADER) return;
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    const key = { hostPort: view.getUint32(1, true), guestPort: view.getUint32(5, true) };
    if (view.getUint8(0) === HostEvent.CONNECT) this.#connect(key);
    else {
      const stream = this.#streams.get(nameOf(key));
      // Over by now: the host's side has been told, or is about to hear.
      if (stream === undefined) return;
      switch (view.getUint8(0)) {
        case HostEvent.ACCEPT:
          stream.open = true;
          stream.owe(VsockOp.RESPONSE);
          break;
        case HostEvent.REFUSE:
          this.#abort(stream);
          break;
        case HostEvent.DATA:
          if (stream.takesNothing) this.#backend.taken(key, payload.length - EVENT_HEADER);
          else if (!stream.add(new Uint8Array(payload.subarray(EVENT_HEADER)))) this.#abort(stream);
          break;
        case HostEvent.CONSUMED:
          if (payload.length >= EVENT_HEADER + 4) stream.consume(view.getUint32(EVENT_HEADER, true));
          break;
        case HostEvent.END:
          stream.end();
          break;
        case HostEvent.CLOSE:
          // Nobody has answered yet, so there is nothing to shut down.
          if (stream.open) stream.close();
          else this.#abort(stream);
      }
    }
    if (this.transport.running) this.#sendPackets();
  }

  #connect(key: StreamKey): void {
    const isTaken = this.#streams.has(nameOf(key));
    if (!this.transport.running || isTaken || this.#streams.size >= STREAMS_MAX) {
      if (!isTaken) this.#backend.close(key);
      return;
    }
    const stream = new VsockStream(key);
    stream.owe(VsockOp.REQUEST);
    this.#streams.set(nameOf(key), stream);
  }

  /** Reads packets of the guest for as long as there is room for answers. */
  #takePackets(): void {
    if (this.#resets.length < RESETS_MAX) {
      this.drain(TRANSMIT, (request) => {
        const isGood = this.#takePacket(request);
        this.complete(TRANSMIT, request, 0);
        return isGood && this.#resets.length < RESETS_MAX;
      });
    }
    this.#sendPackets();
  }

  #takePacket(request: VirtqRequest): boolean {
    const bytes = new Uint8Array(HEADER_LENGTH);
    const complete = request.read(0, bytes) === HEADER_LENGTH;
    const header = complete ? decodeHeader(bytes) : undefined;
    if (header === undefined || header.length > Math.min(DATA_MAX, request.readableLength - HEADER_LENGTH)) {
      this.fail("a packet that is shorter than it says, or longer than there is credit");
      return false;
    }
    // Nobody else's packets, and no answers to resets, which might go on for ever.
    if (header.sourceCid !== this.#cid) {
      this.counters.dropped++;
      return true;
    }
    const key = { hostPort: header.destinationPort, guestPort: header.sourcePort };
    const stream = header.destinationCid === HOST_CID ? this.#streams.get(nameOf(key)) : undefined;
    if (header.type !== TYPE_STREAM || header.destinationCid !== HOST_CID) this.#refuse(header);
    else if (stream !== undefined) this.#takeForStream(stream, header, request);
    else if (header.op === VsockOp.REQUEST && this.#streams.size < STREAMS_MAX) {
      const offered = new VsockStream(key);
      offered.credit(header.bufferSize, header.forwarded);
      this.#streams.set(nameOf(key), offered);
      this.#backend.request(key);
    } else this.#refuse(header);
    return true;
  }

  #takeForStream(stream: VsockStream, header: VsockHeader, request: VirtqRequest): void {
    stream.credit(header.bufferSize, header.forwarded);
    switch (header.op) {
      case VsockOp.RESPONSE:
        if (stream.open) break;
        stream.open = true;
        this.#backend.accepted(stream.key);
        return;
      case VsockOp.RW: {
        if (!stream.open || !stream.receive(header.length)) break;
        const data = new Uint8Array(header.length);
        request.read(HEADER_LENGTH, data);
        if (data.length > 0) this.#backend.write(stream.key, data);
        return;
      }
      case VsockOp.SHUTDOWN: {
        const { ended, dropped } = stream.shut(header.flags);
        if (dropped > 0) this.#backend.taken(stream.key, dropped);
        if (ended) this.#backend.end(stream.key);
        // The guest waits for this to forget the stream.
        if (stream.shutByGuest) this.#abort(stream);
        return;
      }
      case VsockOp.CREDIT_UPDATE:
        return;
      case VsockOp.CREDIT_REQUEST:
        stream.owe(VsockOp.CREDIT_UPDATE);
        return;
      case VsockOp.RST:
        this.#streams.delete(nameOf(stream.key));
        this.#backend.close(stream.key);
        return;
    }
    // A second request or response, data without credit or before there was a stream, or nothing known.
    this.#abort(stream);
  }

  /** Ends a stream on both sides. */
  #abort(stream: VsockStream): void {
    this.#streams.delete(nameOf(stream.key));
    this.#backend.close(stream.key);
    const { hostPort, guestPort } = stream.key;
    this.#resets.push(this.#header(hostPort, guestPort, VsockOp.RST));
  }

  /** There is no such stream (5.10.6.4). */
  #refuse({ op, sourcePort, destinationPort, destinationCid, type }: VsockHeader): void {
    if (op === VsockOp.RST) return;
    const header = this.#header(destinationPort, sourcePort, VsockOp.RST);
    this.#resets.push({ ...header, sourceCid: destinationCid, type });
  }

  /** Fills receive buffers with what streams have for the guest, by turns. */
  #sendPackets(): void {
    if (!this.#hasPackets()) return;
    this.drain(RECEIVE, (request) => {
      const room = request.writableLength - HEADER_LENGTH;
      if (room < 0) {
        this.fail("a receive buffer without room for a header");
        return false;
      }
      const [header, data] = this.#nextPacket(room) ?? [];
      if (header === undefined) {
        // A buffer for a header alone, and nothing to send but data.
        this.complete(RECEIVE, request, 0);
        return false;
      }
      request.write(0, encodeHeader(header));
      if (data !== undefined) request.write(HEADER_LENGTH, data);
      this.complete(RECEIVE, request, HEADER_LENGTH + header.length);
      return this.#hasPackets();
    });
  }

  #hasPackets(): boolean {
    if (this.#resets.length > 0) return true;
    for (const stream of this.#streams.values()) if (stream.hasNext) return true;
    return false;
  }

  #nextPacket(room: number): [VsockHeader, Uint8Array | undefined] | undefined {
    const reset = this.#resets.shift();
    if (reset !== undefined) return [reset, undefined];
    for (const [name, stream] of this.#streams) {
      const packet = stream.next(room);
      if (packet === undefined) continue;
      // Behind the others.
      this.#streams.delete(name);
      this.#streams.set(name, stream);
      const { op, flags, data } = packet;
      const { hostPort, guestPort } = stream.key;
      if (data !== undefined) this.#backend.taken(stream.key, data.length);
      const forwarded = stream.forwarded;
      return [{ ...this.#header(hostPort, guestPort, op), flags, length: data?.length ?? 0, forwarded }, data];
    }
    return undefined;
  }

  #header(hostPort: number, guestPort: number, op: VsockOp): VsockHeader {
    return {
      sourceCid: HOST_CID,
      destinationCid: this.#cid,
      sourcePort: hostPort,
      destinationPort: guestPort,
      length: 0,
      type: TYPE_STREAM,
      op,
      flags: 0,
      bufferSize: STREAM_WINDOW,
      forwarded: 0,
    };
  }

  #sendEvent(): void {
    if (!this.#eventDue) return;
    this.drain(EVENT, (request) => {
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setUint32(0, TRANSPORT_RESET, true);
      this.#eventDue = false;
      this.complete(EVENT, request, request.write(0, bytes));
      return false;
    });
  }
}

function nameOf({ hostPort, guestPort }: StreamKey): string {
  return `${hostPort}:${guestPort}`;
}
