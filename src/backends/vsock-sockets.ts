/**
 * Streams with a guest as UNIX sockets, by Firecracker's convention: who connects to PATH and writes "CONNECT 52\n" is
 * connected to the guest's port 52, which "OK 1073741824\n" confirms, with the port on the host's side. What the guest connects to,
 * port 53 of the host, is a socket at PATH_53 that somebody listens on.
 */
import { lstat, unlink } from "node:fs/promises";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { VkrunError } from "../errors.js";
import { STREAM_WINDOW, STREAMS_MAX, type StreamKey, type VsockBackend, type VsockGuest } from "./vsock-backend.js";

/** sun_path has 108 bytes, with a zero behind; "_4294967295" goes behind PATH. */
const PATH_MAX = 107 - 11;
/** Ports of the host's that stand for its connections, as Firecracker numbers them. */
const FIRST_HOST_PORT = 2 ** 30;
const PORTS = 2 ** 31;
/** "CONNECT 4294967295\n" */
const COMMAND_MAX = 32;
const COMMAND_TIMEOUT_MS = 10_000;
const PORT_MAX = 2 ** 32 - 2;

interface Connection {
  readonly key: StreamKey;
  readonly socket: Socket;
  /** Given to the guest, and not taken yet. */
  underWay: number;
  isOpen: boolean;
}

export class VsockSockets implements VsockBackend, AsyncDisposable {
  readonly #path: string;
  readonly #server: Server;
  readonly #connections = new Map<string, Connection>();
  /** Sockets that have not said yet what they want, and those that are over but for what was written to them. */
  readonly #strangers = new Set<Socket>();
  readonly #leaving = new Set<Socket>();
  #guest: VsockGuest | undefined;
  #ports = 0;

  static async listen(path: string): Promise<VsockSockets> {
    if (Buffer.byteLength(path) > PATH_MAX) {
      throw pathError(path, `is longer than the ${PATH_MAX} bytes that a socket's path can have`, "Use a shorter one.");
    }
    const sockets = new VsockSockets(path);
    try {
      await sockets.#listen();
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EADDRINUSE") {
        throw pathError(
          path,
          `cannot be made: ${(cause as Error).message}`,
          "Check that its folder exists and that you may write there.",
          cause,
        );
      }
      await removeStale(path, cause);
      await sockets.#listen();
    }
    return sockets;
  }

  private constructor(path: string) {
    this.#path = path;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#greet(socket));
  }

  // What the device calls

  attach(guest: VsockGuest): void {
    for (const { socket } of this.#connections.values()) socket.destroy();
    this.#connections.clear();
    this.#guest = guest;
  }

  request(key: StreamKey): void {
    const socket = createConnection({ path: `${this.#path}_${key.hostPort}`, allowHalfOpen: true });
    const connection = this.#add(key, socket);
    socket.once("connect", () => {
      if (!this.#isCurrent(connection)) return;
      connection.isOpen = true;
      this.#guest?.accept(key);
      this.#pump(connection);
    });
  }

  accepted(key: StreamKey): void {
    const connection = this.#connections.get(nameOf(key));
    if (connection === undefined) return;
    connection.isOpen = true;
    connection.socket.write(`OK ${key.hostPort}\n`);
    this.#pump(connection);
  }

  write(key: StreamKey, bytes: Uint8Array): void {
    const connection = this.#connections.get(nameOf(key));
    connection?.socket.write(bytes, (error) => {
      // With a failure the socket ends, and the guest hears of that.
      if (!error && this.#isCurrent(connection)) this.#guest?.consumed(key, bytes.length);
    });
  }

  taken(key: StreamKey, length: number): void {
    const connection = this.#connections.get(nameOf(key));
    if (connection === undefined) return;
    connection.underWay -= length;
    this.#pump(connection);
  }

  end(key: StreamKey): void {
    this.#connections.get(nameOf(key))?.socket.end();
  }

  close(key: StreamKey): void {
    const connection = this.#connections.get(nameOf(key));
    if (connection === undefined) return;
    this.#connections.delete(nameOf(key));
    this.#leave(connection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#guest = undefined;
    const sockets = [...this.#connections.values()].map(({ socket }) => socket);
    for (const socket of [...sockets, ...this.#strangers, ...this.#leaving]) socket.destroy();
    this.#connections.clear();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ path: this.#path }, () => {
        this.#server.off("error", reject);
        // Out of descriptors, for one: who could not be let in is gone, and the others stay.
        this.#server.on("error", () => undefined);
        resolve();
      });
    });
  }

  /** Somebody on the host wants to connect, and says where to in the first line. */
  #greet(socket: Socket): void {
    if (this.#strangers.size + this.#connections.size >= STREAMS_MAX) {
      socket.destroy();
      return;
    }
    this.#strangers.add(socket);
    let line = Buffer.alloc(0);
    const settle = (port: number | undefined): void => {
      socket.off("readable", read);
      socket.setTimeout(0);
      this.#strangers.delete(socket);
      if (port === undefined) socket.destroy();
      else this.#connect(socket, port);
    };
    // By single bytes, so that what follows the line stays in the socket.
    const read = (): void => {
      for (let byte = socket.read(1) as Buffer | null; byte !== null; byte = socket.read(1) as Buffer | null) {
        line = Buffer.concat([line, byte]);
        const isWhole = byte[0] === NEWLINE;
        if (!isWhole && line.length < COMMAND_MAX) continue;
        settle(isWhole ? portOf(line.toString("latin1")) : undefined);
        return;
      }
    };
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      this.#strangers.delete(socket);
    });
    socket.once("end", () => {
      if (this.#strangers.has(socket)) settle(undefined);
    });
    socket.setTimeout(COMMAND_TIMEOUT_MS, () => settle(undefined));
    socket.on("readable", read);
  }

  #connect(socket: Socket, guestPort: number): void {
    let key: StreamKey;
    do {
      key = { hostPort: FIRST_HOST_PORT + (this.#ports++ % PORTS), guestPort };
    } while (this.#connections.has(nameOf(key)));
    this.#add(key, socket);
    this.#guest?.connect(key);
  }

  #add(key: StreamKey, socket: Socket): Connection {
    const connection: Connection = { key, socket, underWay: 0, isOpen: false };
    this.#connections.set(nameOf(key), connection);
    socket.on("readable", () => this.#pump(connection));
    socket.on("error", () => socket.destroy());
    socket.once("end", () => {
      if (this.#isCurrent(connection)) this.#guest?.end(key);
    });
    socket.once("close", () => {
      if (!this.#isCurrent(connection)) return;
      if (connection.isOpen) this.#guest?.close(key);
      else this.#guest?.refuse(key);
      this.#connections.delete(nameOf(key));
    });
    return connection;
  }

  /** Hands bytes to the guest for as long as there is a window. */
  #pump(connection: Connection): void {
    const { key, socket } = connection;
    while (connection.isOpen && this.#isCurrent(connection)) {
      const length = Math.min(STREAM_WINDOW - connection.underWay, socket.readableLength);
      // At the end there is nothing more to read, but to read is what makes it known.
      const chunk = length > 0 ? (socket.read(length) as Buffer | null) : null;
      if (chunk === null) {
        if (socket.readableLength === 0) socket.read(0);
        return;
      }
      connection.underWay += chunk.length;
      this.#guest?.data(key, chunk);
    }
  }

  #isCurrent(connection: Connection | undefined): boolean {
    return connection !== undefined && this.#connections.get(nameOf(connection.key)) === connection;
  }

  /** The stream is over, but for what was written. Whoever does not read that holds the socket, so there is a bound to these too. */
  #leave({ socket, isOpen }: Connection): void {
    if (!isOpen) {
      socket.destroy();
      return;
    }
    this.#leaving.add(socket);
    socket.once("close", () => {
      this.#leaving.delete(socket);
    });
    socket.destroySoon();
    const [oldest] = this.#leaving;
    if (this.#leaving.size > STREAMS_MAX) oldest?.destroy();
  }
}

const NEWLINE = "\n".charCodeAt(0);

function portOf(line: string): number | undefined {
  const port = Number(/^CONNECT (\d{1,10})\r?\n$/.exec(line)?.[1] ?? Number.NaN);
  return port <= PORT_MAX ? port : undefined;
}

function nameOf({ hostPort, guestPort }: StreamKey): string {
  return `${hostPort}:${guestPort}`;
}

/** A socket that nobody listens on was left behind by a vkrun that was killed. */
async function removeStale(path: string, cause: unknown): Promise<void> {
  const isStale = await new Promise<boolean>((resolve) => {
    const socket = createConnection({ path });
    socket
      .once("connect", () => resolve(false))
      .once("error", (error) => {
        resolve((error as NodeJS.ErrnoException).code === "ECONNREFUSED");
      });
    socket.once("connect", () => socket.destroy());
  });
  if (!(await lstat(path)).isSocket()) throw pathError(path, "is something else", "Use another path.", cause);
  if (!isStale) throw pathError(path, "is in use", "Stop the other vkrun, or use another path.", cause);
  await unlink(path);
}

function pathError(path: string, what: string, hint: string, cause?: unknown): VkrunError {
  return new VkrunError("ERR_VKRUN_VSOCK_PATH", `the socket ${path} ${what}`, { hint, cause });
}
