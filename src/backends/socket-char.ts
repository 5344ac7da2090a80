import { once } from "node:events";
import { lstat, unlink } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { CharBackend } from "./char-backend.js";
import { cannotOpenPort } from "./port-error.js";

/**
 * A UNIX socket that vkrun listens on, for one program at a time. While there is none, what the guest writes goes nowhere;
 * the guest can tell.
 */
export class SocketChar implements CharBackend, AsyncDisposable {
  /** Listens at `path`. What an earlier vkrun left there, and nobody listens on any more, is replaced. */
  static async listen(path: string): Promise<SocketChar> {
    const port = new SocketChar();
    try {
      await port.#listen(path);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EADDRINUSE")
        throw cannotOpenPort(path, "nothing can listen there", cause);
      if (!(await isAbandoned(path))) throw cannotOpenPort(path, "something else is there");
      await unlink(path);
      await port.#listen(path);
    }
    return port;
  }

  readonly #server: Server;
  #client: Socket | undefined;
  #onData: (bytes: Uint8Array) => void = () => {};
  #onDrain: () => void = () => {};
  #onConnected: (connected: boolean) => void = () => {};
  #paused = false;

  private constructor() {
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.unref();
  }

  get connected(): boolean {
    return this.#client !== undefined;
  }

  get congested(): boolean {
    return this.#client?.writableNeedDrain ?? false;
  }

  write(bytes: Uint8Array): void {
    this.#client?.write(new Uint8Array(bytes));
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
    this.#client?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#client?.resume();
  }

  /** Also removes the socket's file. */
  async [Symbol.asyncDispose](): Promise<void> {
    const client = this.#client;
    if (client !== undefined) {
      // What the guest wrote last is handed over, unless nobody takes it.
      client.end();
      await Promise.race([once(client, "close").catch(() => undefined), sleep(LINGER_MS)]);
      client.destroy();
    }
    await new Promise((closed) => this.#server.close(closed));
  }

  async #listen(path: string): Promise<void> {
    const listening = once(this.#server, "listening");
    this.#server.listen(path);
    await listening;
  }

  #accept(socket: Socket): void {
    if (this.#client !== undefined) {
      socket.destroy();
      return;
    }
    this.#client = socket;
    socket.unref();
    if (this.#paused) socket.pause();
    socket.on("data", (bytes) => this.#onData(bytes));
    socket.on("drain", () => this.#onDrain());
    // A peer that is gone is told of by "close", which always follows.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#client = undefined;
      // Whatever was held back for it can go nowhere now.
      this.#onDrain();
      this.#onConnected(false);
    });
    this.#onConnected(true);
  }
}

const LINGER_MS = 500;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

/** Whether `path` is a socket that nobody listens on. */
async function isAbandoned(path: string): Promise<boolean> {
  // Connecting to a file of another kind is refused in the same way.
  if (!(await lstat(path)).isSocket()) return false;
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ECONNREFUSED";
  } finally {
    socket.destroy();
  }
}
