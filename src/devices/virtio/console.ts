// virtio-console (virtio 1.2, 5.3): consoles and other ports. Queues: receiveq and transmitq of port 0 (0, 1), those of control
// messages (2, 3), then a pair for each further port.
//
// Offered: SIZE; MULTIPORT when there are ports besides the console. Not supported: EMERG_WRITE (the SBI debug console serves for
// that); ports that come and go while the guest runs.
//
// Port 0 is a console that is always there. Of each other port the driver is told when somebody is at the host's end, and what
// comes from there waits until a program of the guest has the port open: Linux throws away what comes earlier.

import type { CharBackend } from "../../backends/char-backend.js";
import { VkrunError } from "../../errors.js";
import type { DeviceContext } from "../device.js";
import { type ConsolePortState, type ConsoleSize, PortNews, VirtioConsolePort } from "./console-port.js";
import { VirtioDevice } from "./virtio-device.js";
import { DeviceId } from "./virtio-spec.js";
import type { VirtqRequest } from "./virtq-request.js";

export type { ConsoleSize } from "./console-port.js";

/** Even: what the guest receives; the queue behind it is for what it transmits. */
const RECEIVE = 0;
const CONTROL_RECEIVE = 2;
const CONTROL_TRANSMIT = 3;
const QUEUE_SIZE = 128;
const CONTROL_QUEUE_SIZE = 32;

/** Ports besides the console: a device has sixteen queues. */
export const MAX_PORTS = 6;
/** What Linux reads of a name, without the terminator. */
export const PORT_NAME_MAX = 63;

/** Feature bits (5.3.3). */
const enum ConsoleFeature {
  SIZE = 0,
  MULTIPORT = 1,
}

/** struct virtio_console_config: cols, rows, max_nr_ports, emerg_wr (5.3.4). */
const CONFIG_LENGTH = 12;
const CONFIG_COLS = 0;
const CONFIG_ROWS = 2;
const CONFIG_MAX_PORTS = 4;

/** struct virtio_console_control: id, event, value (5.3.6.2). */
const CONTROL_LENGTH = 8;
const enum Control {
  DEVICE_READY = 0,
  DEVICE_ADD = 1,
  PORT_READY = 3,
  CONSOLE_PORT = 4,
  RESIZE = 5,
  PORT_OPEN = 6,
  PORT_NAME = 7,
}

/** Output is handed over in pieces, and after this much the guest gets its turn: its buffers may add up to terabytes. */
const PIECE = 16 << 10;
const TURN = 256 << 10;
/** What a request costs at least, or a ring of empty ones that renews itself would never end. */
const REQUEST_COST = 1024;
/** Input given to the driver in one buffer at most. */
const RECEIVE_MAX = 4096;

const UNKNOWN_SIZE: ConsoleSize = { columns: 0, rows: 0 };

/** A port besides the console. */
export interface PortOptions {
  /** What programs of the guest find it by, in /dev/virtio-ports. */
  readonly name: string;
  readonly backend: CharBackend;
  /** Whether the guest makes a terminal of it. */
  readonly isConsole: boolean;
}

export interface VirtioConsoleOptions {
  readonly name: string;
  readonly context: DeviceContext;
  readonly backend: CharBackend;
  /** Size of the window at boot; 0 by 0 (unknown) if not given. */
  readonly size?: ConsoleSize;
  readonly ports?: readonly PortOptions[];
}

export class VirtioConsole extends VirtioDevice {
  readonly deviceId = DeviceId.CONSOLE;
  readonly features: readonly number[];
  readonly queueSizes: readonly number[];
  readonly config = new Uint8Array(CONFIG_LENGTH);
  override readonly stateVersion = 2;

  readonly #ports: readonly VirtioConsolePort[];

  constructor({ name, context, backend, size = UNKNOWN_SIZE, ports = [] }: VirtioConsoleOptions) {
    super(name, context);
    const multiport = ports.length > 0;
    this.features = multiport ? [ConsoleFeature.SIZE, ConsoleFeature.MULTIPORT] : [ConsoleFeature.SIZE];
    const pair = [QUEUE_SIZE, QUEUE_SIZE];
    this.queueSizes = multiport
      ? [...pair, CONTROL_QUEUE_SIZE, CONTROL_QUEUE_SIZE, ...ports.flatMap(() => pair)]
      : pair;
    this.#ports = [
      this.#port(0, { name: undefined, backend, isConsole: true }, size),
      ...ports.map((port, index) => this.#port(index + 1, checked(port), UNKNOWN_SIZE)),
    ];
    new DataView(this.config.buffer).setUint32(CONFIG_MAX_PORTS, this.#ports.length, true);
    this.#showSize(size);
  }

  get size(): ConsoleSize {
    return (this.#ports[0] as VirtioConsolePort).size;
  }

  /** The window of a console changed (5.3.5, 5.3.6.2). */
  resize(columns: number, rows: number, port = 0): void {
    const payload = new Uint8Array(4);
    const fields = new DataView(payload.buffer);
    fields.setUint16(0, columns, true);
    fields.setUint16(2, rows, true);
    const target = this.#ports[port];
    if (target === undefined) return;
    this.context.input.post(
      this.nextLabel(port === 0 ? "resize" : `resize${port}`),
      (recorded = payload) => {
        const view = new DataView(recorded.buffer, recorded.byteOffset, recorded.byteLength);
        target.size = { columns: view.getUint16(0, true), rows: view.getUint16(2, true) };
        if (port === 0) {
          this.#showSize(target.size);
          this.transport.notifyConfig();
        }
        this.#tell(target, PortNews.SIZE);
      },
      payload,
    );
  }

  handleQueue(index: number): void {
    if (index === CONTROL_RECEIVE) this.#sendNews();
    else if (index === CONTROL_TRANSMIT) this.#drainControl();
    else {
      const port = this.#ports[index < CONTROL_RECEIVE ? 0 : (index - CONTROL_RECEIVE) >> 1];
      if (port === undefined) return;
      if ((index & 1) === RECEIVE) this.#receive(port);
      else this.#transmit(port);
    }
  }

  /** What waits in a port stays: it was typed for the guest, not for this driver instance. */
  reset(): void {
    for (const port of this.#ports) port.reset();
  }

  override resetQueue(index: number): void {
    const port = this.#ports.find(({ id }) => transmitQueue(id) === index);
    if (port !== undefined) port.sending = undefined;
  }

  /** What was typed on the console and has not reached the guest: a machine that is built anew hands it on. */
  unreadInput(): Uint8Array {
    return (this.#ports[0] as VirtioConsolePort).char.save().waiting;
  }

  saveDevice(): Record<string, unknown> {
    return { ports: this.#ports.map((port) => port.save()) };
  }

  restoreDevice(state: Record<string, unknown>): void {
    const saved = state["ports"] as readonly ConsolePortState[];
    for (const port of this.#ports) {
      const from = saved[port.id];
      if (from === undefined) continue;
      const request = this.queue(transmitQueue(port.id)).underWay()[0];
      port.restore(from, request);
      if (request !== undefined) this.continueLater(transmitQueue(port.id));
    }
    this.#showSize(this.size);
  }

  #port(id: number, { name, backend, isConsole }: PortIdentity, size: ConsoleSize): VirtioConsolePort {
    const port: VirtioConsolePort = new VirtioConsolePort({
      id,
      name,
      isConsole,
      backend,
      size,
      input: this.context.input,
      label: (kind) => this.nextLabel(id === 0 ? kind : `${kind}${id}`),
      onInput: () => this.#receive(port),
      onUnblocked: () => this.#transmit(port),
      onHostOpen: () => this.#tell(port, PortNews.OPEN),
    });
    return port;
  }

  get #multiport(): boolean {
    return this.transport.negotiated(ConsoleFeature.MULTIPORT);
  }

  #showSize({ columns, rows }: ConsoleSize): void {
    const fields = new DataView(this.config.buffer);
    fields.setUint16(CONFIG_COLS, columns, true);
    fields.setUint16(CONFIG_ROWS, rows, true);
  }

  // Control messages

  #drainControl(): void {
    this.drain(CONTROL_TRANSMIT, (request) => {
      const message = new Uint8Array(CONTROL_LENGTH);
      if (request.read(0, message) === CONTROL_LENGTH) {
        const fields = new DataView(message.buffer);
        this.#heard(fields.getUint32(0, true), fields.getUint16(4, true), fields.getUint16(6, true));
      } else this.counters.dropped++;
      this.complete(CONTROL_TRANSMIT, request, 0);
      return true;
    });
    this.#sendNews();
  }

  #heard(id: number, event: number, value: number): void {
    if (event === Control.DEVICE_READY) {
      if (value === 1) for (const port of this.#ports) port.news |= PortNews.ADD;
      return;
    }
    const port = this.#ports[id];
    if (port === undefined) {
      this.counters.dropped++;
    } else if (event === Control.PORT_READY && value === 1) {
      port.news |= PortNews.OPEN;
      if (port.name !== undefined) port.news |= PortNews.NAME;
      if (port.isConsole) port.news |= PortNews.CONSOLE | PortNews.SIZE;
    } else if (event === Control.PORT_OPEN) {
      port.guestOpen = value !== 0;
      if (port.guestOpen) this.#receive(port);
    }
  }

  #tell(port: VirtioConsolePort, news: PortNews): void {
    if (!this.transport.running || !this.#multiport) return;
    if (news === PortNews.SIZE && !port.isConsole) return;
    port.news |= news;
    this.#sendNews();
  }

  /** What there is to tell is kept as what is true, not as messages, so a driver that does not listen costs nothing. */
  #sendNews(): void {
    const next = (): VirtioConsolePort | undefined => this.#ports.find(({ news }) => news !== 0);
    if (next() === undefined) return;
    this.drain(CONTROL_RECEIVE, (request) => {
      const port = next();
      let length = 0;
      if (port !== undefined) {
        const message = takeNews(port);
        length = Math.min(message.length, request.writableLength);
        request.write(0, message.subarray(0, length));
      }
      this.complete(CONTROL_RECEIVE, request, length);
      return next() !== undefined;
    });
  }

  // Data

  /** Gives waiting input to the driver, for as long as it has buffers. */
  #receive(port: VirtioConsolePort): void {
    if (port.char.available === 0 || !(port.isConsole || port.guestOpen)) return;
    const queue = receiveQueue(port.id);
    this.drain(queue, (request) => {
      const bytes = new Uint8Array(Math.min(request.writableLength, port.char.available, RECEIVE_MAX));
      port.char.read(bytes);
      request.write(0, bytes);
      this.complete(queue, request, bytes.length);
      return port.char.available > 0;
    });
  }

  #transmit(port: VirtioConsolePort): void {
    const queue = transmitQueue(port.id);
    const piece = new Uint8Array(PIECE);
    let left = TURN;
    while (left > 0 && !port.char.blocked) {
      port.sending ??= this.#next(queue);
      if (port.sending === undefined) {
        this.flush(queue);
        return;
      }
      const { request, done } = port.sending;
      const length = request.read(done, piece);
      if (length > 0) port.char.write(piece.subarray(0, length));
      port.sending.done += length;
      left -= Math.max(length, REQUEST_COST);
      if (port.sending.done >= request.readableLength) {
        port.sending = undefined;
        this.complete(queue, request, 0);
      }
    }
    this.flush(queue);
    if (!port.char.blocked) this.continueLater(queue);
  }

  #next(queue: number): { request: VirtqRequest; done: number } | undefined {
    const request = this.pop(queue);
    return request && { request, done: 0 };
  }
}

interface PortIdentity {
  readonly name: string | undefined;
  readonly backend: CharBackend;
  readonly isConsole: boolean;
}

const receiveQueue = (port: number): number => (port === 0 ? RECEIVE : CONTROL_RECEIVE + 2 * port);
const transmitQueue = (port: number): number => receiveQueue(port) + 1;

function checked(port: PortOptions): PortOptions {
  const bytes = new TextEncoder().encode(port.name);
  if (bytes.length > 0 && bytes.length <= PORT_NAME_MAX && !bytes.includes(0)) return port;
  throw new VkrunError("ERR_VKRUN_INVALID_OPTION", `"${port.name}" cannot be the name of a port`, {
    hint: `A name has 1 to ${PORT_NAME_MAX} bytes.`,
  });
}

/** The first thing that the driver has not been told of a port, as a control message. */
function takeNews(port: VirtioConsolePort): Uint8Array {
  const news = port.news & -port.news;
  port.news &= ~news;
  const message = (event: Control, value: number, rest: Uint8Array = new Uint8Array(0)): Uint8Array => {
    const bytes = new Uint8Array(CONTROL_LENGTH + rest.length);
    const fields = new DataView(bytes.buffer);
    fields.setUint32(0, port.id, true);
    fields.setUint16(4, event, true);
    fields.setUint16(6, value, true);
    bytes.set(rest, CONTROL_LENGTH);
    return bytes;
  };
  switch (news) {
    case PortNews.ADD:
      return message(Control.DEVICE_ADD, 0);
    case PortNews.CONSOLE:
      return message(Control.CONSOLE_PORT, 1);
    case PortNews.NAME:
      return message(Control.PORT_NAME, 1, new TextEncoder().encode(`${port.name}\0`));
    case PortNews.SIZE: {
      // In the order of 5.3.6.2. Some versions of Linux have the rows first, and QEMU with them.
      const { rows, columns } = port.size;
      return message(Control.RESIZE, 0, new Uint8Array(Uint16Array.of(columns, rows).buffer));
    }
    default:
      return message(Control.PORT_OPEN, port.hostOpen ? 1 : 0);
  }
}
