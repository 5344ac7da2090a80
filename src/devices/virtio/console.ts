// virtio-console (virtio 1.2, 5.3): a console port with a window size. Queues: receiveq of port 0 (0), transmitq of port 0 (1).
//
// Offered: SIZE. Not supported: MULTIPORT (ports besides the console), EMERG_WRITE (the SBI debug console serves for that).

import type { CharBackend } from "../../backends/char-backend.js";
import { CharPort, type CharPortState } from "../char-port.js";
import type { DeviceContext } from "../device.js";
import { VirtioDevice } from "./virtio-device.js";
import { DeviceId } from "./virtio-spec.js";
import type { VirtqRequest } from "./virtq-request.js";

const RECEIVE = 0;
const TRANSMIT = 1;
const QUEUE_SIZE = 128;

/** Feature bits (5.3.3). */
const enum ConsoleFeature {
  SIZE = 0,
}

/** struct virtio_console_config: cols, rows, max_nr_ports, emerg_wr (5.3.4). */
const CONFIG_LENGTH = 12;
const CONFIG_COLS = 0;
const CONFIG_ROWS = 2;

/** Output is handed over in pieces, and after this much the guest gets its turn: its buffers may add up to terabytes. */
const PIECE = 16 << 10;
const TURN = 256 << 10;
/** What a request costs at least, or a ring of empty ones that renews itself would never end. */
const REQUEST_COST = 1024;
/** Input given to the driver in one buffer at most. */
const RECEIVE_MAX = 4096;

export interface ConsoleSize {
  readonly columns: number;
  readonly rows: number;
}

export interface VirtioConsoleOptions {
  readonly name: string;
  readonly context: DeviceContext;
  readonly backend: CharBackend;
  /** Size of the window at boot; 0 by 0 (unknown) if not given. */
  readonly size?: ConsoleSize;
}

export class VirtioConsole extends VirtioDevice {
  readonly deviceId = DeviceId.CONSOLE;
  readonly features = [ConsoleFeature.SIZE];
  readonly queueSizes = [QUEUE_SIZE, QUEUE_SIZE];
  readonly config = new Uint8Array(CONFIG_LENGTH);

  readonly #port: CharPort;
  /** The transmit request that is partly written. */
  #sending: { request: VirtqRequest; done: number } | undefined;

  constructor({ name, context, backend, size = { columns: 0, rows: 0 } }: VirtioConsoleOptions) {
    super(name, context);
    this.#setSize(size.columns, size.rows);
    this.#port = new CharPort({
      backend,
      input: context.input,
      label: (kind) => this.nextLabel(kind),
      onInput: () => this.#receive(),
      onUnblocked: () => this.#transmit(),
    });
  }

  /** The window changed: the driver reads the new size from the configuration space (5.3.5). */
  resize(columns: number, rows: number): void {
    const payload = new Uint8Array(4);
    const fields = new DataView(payload.buffer);
    fields.setUint16(0, columns, true);
    fields.setUint16(2, rows, true);
    this.context.input.post(
      this.nextLabel("resize"),
      (recorded = payload) => {
        const view = new DataView(recorded.buffer, recorded.byteOffset, recorded.byteLength);
        this.#setSize(view.getUint16(0, true), view.getUint16(2, true));
        this.transport.notifyConfig();
      },
      payload,
    );
  }

  handleQueue(index: number): void {
    if (index === RECEIVE) this.#receive();
    else if (index === TRANSMIT) this.#transmit();
  }

  /** What waits in the port stays: it was typed for the guest, not for this driver instance. */
  reset(): void {
    this.#sending = undefined;
  }

  /** What was typed and has not reached the guest: a machine that is built anew hands it on. */
  unreadInput(): Uint8Array {
    return this.#port.save().waiting;
  }

  saveDevice(): Record<string, unknown> {
    return { config: this.config.slice(), port: this.#port.save(), sent: this.#sending?.done ?? 0 };
  }

  restoreDevice(state: Record<string, unknown>): void {
    this.config.set(state["config"] as Uint8Array);
    this.#port.restore(state["port"] as CharPortState);
    const request = this.queue(TRANSMIT).underWay()[0];
    this.#sending = request && { request, done: Number(state["sent"]) };
    if (request !== undefined) this.continueLater(TRANSMIT);
  }

  #setSize(columns: number, rows: number): void {
    const fields = new DataView(this.config.buffer);
    fields.setUint16(CONFIG_COLS, columns, true);
    fields.setUint16(CONFIG_ROWS, rows, true);
  }

  /** Gives waiting input to the driver, for as long as it has buffers. */
  #receive(): void {
    if (this.#port.available === 0) return;
    this.drain(RECEIVE, (request) => {
      const bytes = new Uint8Array(Math.min(request.writableLength, this.#port.available, RECEIVE_MAX));
      this.#port.read(bytes);
      request.write(0, bytes);
      this.complete(RECEIVE, request, bytes.length);
      return this.#port.available > 0;
    });
  }

  #transmit(): void {
    const piece = new Uint8Array(PIECE);
    let left = TURN;
    while (left > 0 && !this.#port.blocked) {
      this.#sending ??= this.#next();
      if (this.#sending === undefined) {
        this.flush(TRANSMIT);
        return;
      }
      const { request, done } = this.#sending;
      const length = request.read(done, piece);
      if (length > 0) this.#port.write(piece.subarray(0, length));
      this.#sending.done += length;
      left -= Math.max(length, REQUEST_COST);
      if (this.#sending.done >= request.readableLength) {
        this.#sending = undefined;
        this.complete(TRANSMIT, request, 0);
      }
    }
    this.flush(TRANSMIT);
    if (!this.#port.blocked) this.continueLater(TRANSMIT);
  }

  #next(): { request: VirtqRequest; done: number } | undefined {
    const request = this.pop(TRANSMIT);
    return request && { request, done: 0 };
  }
}
