/**
 * The guest's console as a Node stream: what is written is typed, what is read was printed. Both directions have back
 * pressure. Until the first reader comes, the latest output is kept and the guest is never held back, so that an
 * embedder who does not care for the console need not read it.
 */
import { Duplex } from "node:stream";
import { VkrunError } from "../errors.js";

/** Input on its way to the guest. */
const INPUT_HIGH_WATER = 64 * 1024;
/** What is kept of output that nobody has read yet. */
const SCROLLBACK = 1 * 2 ** 20;

export interface ConsoleWires {
  input(bytes: Uint8Array): void;
  acknowledge(bytes: number): void;
  resize(columns: number, rows: number): void;
}

export class VKernelConsole extends Duplex {
  readonly #wires: ConsoleWires;
  #arrived: Uint8Array[] = [];
  #arrivedBytes = 0;
  /** How much of what waits arrived before the first reader, and was acknowledged then. */
  #early = 0;
  #hasReader = false;
  #wanted = false;
  #inputUnderWay = 0;
  #blockedWrite: (() => void) | undefined;
  #ended = false;
  #pushedEnd = false;

  constructor(wires: ConsoleWires) {
    // The guest's side may end while the user still types, and the user may stop typing while the guest runs.
    super({ allowHalfOpen: true, decodeStrings: true });
    this.#wires = wires;
  }

  /** Tells a guest on a virtio console the size of its window. */
  resize(columns: number, rows: number): void {
    if (!isSize(columns) || !isSize(rows)) {
      throw new VkrunError("ERR_VKRUN_CONSOLE_SIZE", `${columns} by ${rows} is not the size of a window`, {
        hint: "Columns and rows are whole numbers from 0 to 65535.",
      });
    }
    this.#wires.resize(columns, rows);
  }

  override _read(): void {
    this.#hasReader = true;
    this.#wanted = true;
    this.#deliver();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#ended) {
      done();
      return;
    }
    // A copy: the caller may reuse the buffer as soon as `done` was called.
    this.#wires.input(new Uint8Array(chunk));
    this.#inputUnderWay += chunk.length;
    if (this.#inputUnderWay <= INPUT_HIGH_WATER) done();
    else this.#blockedWrite = done;
  }

  /** The guest printed. */
  arrived(bytes: Uint8Array): void {
    this.#arrived.push(bytes);
    this.#arrivedBytes += bytes.length;
    if (this.#hasReader) {
      this.#deliver();
      return;
    }
    this.#wires.acknowledge(bytes.length);
    while (this.#arrivedBytes > SCROLLBACK) this.#arrivedBytes -= this.#arrived.shift()?.length ?? 0;
    this.#early = this.#arrivedBytes;
  }

  /** The guest took so many bytes of what was written. */
  consumed(bytes: number): void {
    this.#inputUnderWay -= bytes;
    if (this.#inputUnderWay <= INPUT_HIGH_WATER) this.#releaseWrite();
  }

  /** The guest is gone: what it printed can still be read to its end, what is written goes nowhere. */
  ended(): void {
    this.#ended = true;
    this.#releaseWrite();
    if (this.#hasReader) this.#deliver();
  }

  #releaseWrite(): void {
    const done = this.#blockedWrite;
    this.#blockedWrite = undefined;
    done?.();
  }

  #deliver(): void {
    while (this.#wanted) {
      const first = this.#arrived.shift();
      if (first === undefined) break;
      this.#arrivedBytes -= first.length;
      this.#acknowledgeRead(first.length);
      this.#wanted = this.push(first);
    }
    if (this.#ended && this.#arrived.length === 0 && !this.#pushedEnd) {
      this.#pushedEnd = true;
      this.push(null);
    }
  }

  #acknowledgeRead(bytes: number): void {
    const early = Math.min(bytes, this.#early);
    this.#early -= early;
    if (bytes > early) this.#wires.acknowledge(bytes - early);
  }
}

const isSize = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 0xffff;
