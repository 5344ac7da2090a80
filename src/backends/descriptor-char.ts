import { closeSync, constants, openSync, readSync, symlinkSync, unlinkSync, writeSync } from "node:fs";
import { type DescriptorWatch, native } from "../native.js";
import type { CharBackend } from "./char-backend.js";
import { cannotOpenPort } from "./port-error.js";

const READ_BYTES = 4096;
/** Output that waits for its reader; beyond it the guest waits. */
const WAITING_BYTES = 64 << 10;
/** How often to look whether somebody opened a pseudoterminal: nothing tells. */
const LOOK_MS = 500;

/**
 * A terminal by its descriptor: the master of a pseudoterminal, or a terminal device of the host, in raw mode. While nobody
 * has the other side of a pseudoterminal open, what the guest writes goes nowhere, as with a terminal that is switched off.
 */
export class DescriptorChar implements CharBackend, Disposable {
  /** A pseudoterminal; `path` becomes a symbolic link to the side that others open. */
  static openPty(path: string): DescriptorChar {
    const addon = native();
    const { master, slave, path: device } = addon.openPty({ columns: 80, rows: 24 });
    try {
      addon.setRawMode({ fd: slave });
      addon.setNonBlocking({ fd: master });
      symlinkSync(device, path);
    } catch (cause) {
      addon.closeDescriptor({ fd: master });
      throw cannotOpenPort(path, "no link to a pseudoterminal can be made there", cause);
    } finally {
      addon.closeDescriptor({ fd: slave });
    }
    return new DescriptorChar(master, false, () => {
      addon.closeDescriptor({ fd: master });
      unlinkSync(path);
    });
  }

  /** A terminal of the host, such as a serial line; it is put back as it was in the end. */
  static openTty(path: string): DescriptorChar {
    const addon = native();
    let fd: number;
    try {
      fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    } catch (cause) {
      throw cannotOpenPort(path, "the terminal cannot be opened", cause);
    }
    try {
      const mode = addon.setRawMode({ fd });
      return new DescriptorChar(fd, true, () => {
        addon.restoreMode({ fd, mode });
        closeSync(fd);
      });
    } catch (cause) {
      closeSync(fd);
      throw cannotOpenPort(path, "it is no terminal", cause);
    }
  }

  readonly #fd: number;
  readonly #close: () => void;
  readonly #watch: DescriptorWatch;
  #connected: boolean;
  #onData: (bytes: Uint8Array) => void = () => {};
  #onDrain: () => void = () => {};
  #onConnected: (connected: boolean) => void = () => {};
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #paused = false;
  #look: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(fd: number, connected: boolean, close: () => void) {
    this.#fd = fd;
    this.#close = close;
    this.#connected = connected;
    this.#watch = new (native().DescriptorWatch)({
      fd,
      onReady: (readable, writable) => this.#ready(readable, writable),
    });
    if (connected) this.#arm();
    else this.#lookLater();
  }

  get connected(): boolean {
    return this.#connected;
  }

  get congested(): boolean {
    return this.#waitingBytes >= WAITING_BYTES;
  }

  write(bytes: Uint8Array): void {
    if (!this.#connected || this.#closed) return;
    this.#waiting.push(new Uint8Array(bytes));
    this.#waitingBytes += bytes.length;
    // Not at once: we may be in the middle of a guest instruction, and a UART writes byte by byte.
    this.#arm();
  }

  attach(
    onData: (bytes: Uint8Array) => void,
    onDrain: () => void = () => {},
    onConnected: (connected: boolean) => void = () => {},
  ): void {
    this.#onData = onData;
    this.#onDrain = onDrain;
    this.#onConnected = onConnected;
    this.resume();
  }

  pause(): void {
    this.#paused = true;
    this.#arm();
  }

  resume(): void {
    this.#paused = false;
    this.#arm();
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#look);
    this.#watch.close();
    this.#close();
  }

  #arm(): void {
    if (this.#connected && !this.#closed) {
      this.#watch.arm({ readable: !this.#paused, writable: this.#waitingBytes > 0 });
    }
  }

  #ready(readable: boolean, writable: boolean): void {
    try {
      if (readable && !this.#paused) this.#read();
      if (writable) this.#flush();
    } catch (error) {
      if (!isHangUp(error)) throw error;
      this.#setConnected(false);
    }
    this.#arm();
  }

  #read(): void {
    const bytes = Buffer.allocUnsafe(READ_BYTES);
    const length = unlessBlocked(() => readSync(this.#fd, bytes));
    if (length > 0) this.#onData(bytes.subarray(0, length));
  }

  #flush(): void {
    const wasCongested = this.congested;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const piece = first;
      const length = unlessBlocked(() => writeSync(this.#fd, piece));
      this.#waitingBytes -= length;
      if (length === first.length) this.#waiting.shift();
      else {
        this.#waiting[0] = first.subarray(length);
        break;
      }
    }
    if (wasCongested && !this.congested) this.#onDrain();
  }

  #setConnected(connected: boolean): void {
    if (this.#connected === connected) return;
    const wasCongested = this.congested;
    this.#connected = connected;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (!connected) {
      this.#watch.arm({ readable: false, writable: false });
      this.#lookLater();
    }
    if (wasCongested) this.#onDrain();
    this.#onConnected(connected);
  }

  #lookLater(): void {
    this.#look = setTimeout(() => {
      // Reading tells a side that nobody has open (EIO) from one that nobody has typed on.
      const bytes = Buffer.allocUnsafe(READ_BYTES);
      let length: number;
      try {
        length = unlessBlocked(() => readSync(this.#fd, bytes));
      } catch (error) {
        if (!isHangUp(error)) throw error;
        this.#lookLater();
        return;
      }
      this.#setConnected(true);
      if (length > 0) this.#onData(bytes.subarray(0, length));
      this.#arm();
    }, LOOK_MS).unref();
  }
}

function unlessBlocked(operate: () => number): number {
  try {
    return operate();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
    throw error;
  }
}

const isHangUp = (error: unknown): boolean =>
  ["EIO", "ENXIO", "EBADF", "ENODEV"].includes((error as NodeJS.ErrnoException).code ?? "");
