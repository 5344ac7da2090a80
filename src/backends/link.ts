/**
 * A cable between two vkernels of one host: a UNIX socket by a name that both know. Who comes first listens; when one goes
 * the other waits for the next. Packets keep their headers, so nobody computes a checksum.
 */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { lock } from "proper-lockfile";
import { VkrunError } from "../errors.js";
import { PacketStream, type PacketStreamEvents } from "./packet-stream.js";
import { StreamNet } from "./stream-net.js";

export interface LinkOptions {
  /** What the two have in common: a name, or with a slash in it the path of the socket. */
  readonly name: string;
  readonly mtu: number;
  /** The link cannot be used, or not any longer. */
  readonly onTrouble: (error: VkrunError) => void;
}

/** What each end says first: "vkln", version, MTU; each 32 bits, the highest byte first. */
const GREETING_LENGTH = 12;
const MAGIC = 0x766b_6c6e;
const VERSION = 1;
/** Longer than any lock is held here. */
const LOCK = { stale: 10_000, retries: { retries: 50, minTimeout: 20, maxTimeout: 200 }, realpath: false };

export class Link extends StreamNet {
  readonly #options: LinkOptions;
  readonly #path: string;
  #server: Server | undefined;
  #peer: Peer | undefined;
  #disposed = false;

  /** Takes one end of the cable, whether there is somebody at the other or not. */
  static async open(options: LinkOptions): Promise<Link> {
    const link = new Link(options);
    await link.#meet();
    return link;
  }

  private constructor(options: LinkOptions) {
    super(options.mtu);
    this.#options = options;
    this.#path = socketPath(options.name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#peer?.[Symbol.dispose]();
    await closeServer(this.#server);
  }

  /** Calls who listens, or listens. One at a time, or two could both find nobody and both begin to listen. */
  async #meet(): Promise<void> {
    try {
      const release = await lock(this.#path, LOCK);
      try {
        const socket = await call(this.#path);
        if (socket === undefined) await this.#listen();
        else await this.#greet(socket);
      } finally {
        await release();
      }
    } catch (cause) {
      throw cause instanceof VkrunError ? cause : linkError(this.#options.name, cause as Error);
    }
  }

  async #listen(): Promise<void> {
    // A socket that nobody answers at is what is left of one who was killed.
    rmSync(this.#path, { force: true });
    const server = createServer((socket) => this.#called(socket));
    await new Promise<void>((done, fail) => {
      server.once("error", fail);
      server.listen({ path: this.#path, exclusive: true }, done);
    });
    this.#server = server;
  }

  /** Somebody calls. A cable has two ends: a third one is sent away. */
  #called(socket: Socket): void {
    if (this.#peer !== undefined || this.#disposed) {
      socket.on("error", () => undefined).destroy();
      return;
    }
    this.#greet(socket).catch((error: VkrunError) => {
      // Who hangs up without a word may have looked only whether somebody is there.
      if (error.code !== "ERR_VKRUN_LINK_BUSY") this.#options.onTrouble(error);
    });
  }

  /** Says who we are, and resolves when the other has. */
  #greet(socket: Socket): Promise<void> {
    return new Promise((done, fail) => {
      const { name, mtu } = this.#options;
      const peer = new Peer(socket, mtu, {
        greeted: (theirs) => {
          if (theirs === mtu) {
            this.connected(peer.talk(this.streamEvents));
            done();
            return;
          }
          peer[Symbol.dispose]();
          this.#peer = undefined;
          const what = theirs === undefined ? "speaks another protocol" : `has the MTU ${theirs}, not ${mtu}`;
          fail(
            new VkrunError("ERR_VKRUN_LINK_MISMATCH", `the vkernel at the other end of the link ${name} ${what}`, {
              hint: "Use the same vkrun, and the same mtu= on both sides.",
            }),
          );
        },
        closed: (greeted) => {
          this.#peer = undefined;
          this.disconnected();
          if (!greeted) fail(busyError(name));
          else if (this.#server === undefined && !this.#disposed) void this.#again();
        },
      });
      this.#peer = peer;
    });
  }

  /** The one who listened is gone: from now on somebody else has to. */
  async #again(): Promise<void> {
    try {
      await this.#meet();
    } catch (error) {
      if (!this.#disposed) this.#options.onTrouble(error as VkrunError);
    }
    if (this.#disposed) {
      this.#peer?.[Symbol.dispose]();
      await closeServer(this.#server);
    }
  }
}

interface PeerEvents {
  /** Its MTU; undefined when what it says is no greeting. */
  greeted(mtu: number | undefined): void;
  closed(greeted: boolean): void;
}

/** A connection: first the greeting, then packets. */
class Peer implements Disposable {
  readonly #stream: PacketStream;
  #events: Omit<PacketStreamEvents, "closed"> | undefined;

  constructor(socket: Socket, mtu: number, { greeted, closed }: PeerEvents) {
    let known = false;
    this.#stream = new PacketStream(socket, {
      place: (length) => {
        if (known) return this.#events?.place(length);
        if (length !== GREETING_LENGTH) greeted(undefined);
        return length === GREETING_LENGTH ? new Uint8Array(length) : undefined;
      },
      arrived: (message) => {
        if (known) return this.#events?.arrived(message) ?? true;
        known = true;
        const fields = new DataView(message.buffer);
        const ours = fields.getUint32(0) === MAGIC && fields.getUint32(4) === VERSION;
        greeted(ours ? fields.getUint32(8) : undefined);
        return true;
      },
      congestion: (congested) => this.#events?.congestion(congested),
      closed: () => closed(known),
    });
    this.#stream.send(GREETING_LENGTH, (message) => {
      const fields = new DataView(message.buffer, message.byteOffset, message.length);
      fields.setUint32(0, MAGIC);
      fields.setUint32(4, VERSION);
      fields.setUint32(8, mtu);
    });
  }

  /** The greeting was a good one. */
  talk(events: Omit<PacketStreamEvents, "closed">): PacketStream {
    this.#events = events;
    return this.#stream;
  }

  [Symbol.dispose](): void {
    this.#stream[Symbol.dispose]();
  }
}

function socketPath(name: string): string {
  if (name.includes("/")) return resolve(name);
  const folder = process.env["XDG_RUNTIME_DIR"] ?? join(tmpdir(), `vkrun-${process.getuid?.() ?? 0}`);
  if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
  return join(folder, `vkrun-link-${name}.sock`);
}

/** A connection to who listens at `path`; undefined when nobody does. */
function call(path: string): Promise<Socket | undefined> {
  return new Promise((done, fail) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      done(socket);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ECONNREFUSED") done(undefined);
      else fail(error);
    });
  });
}

function closeServer(server: Server | undefined): Promise<void> {
  return new Promise((done) => (server === undefined ? done() : server.close(() => done())));
}

function busyError(name: string): VkrunError {
  return new VkrunError("ERR_VKRUN_LINK_BUSY", `the link ${name} has two vkernels already`, {
    hint: "Take another name for this pair.",
  });
}

function linkError(name: string, cause: Error): VkrunError {
  return new VkrunError("ERR_VKRUN_LINK_FAILED", `the link ${name} cannot be opened: ${cause.message}`, {
    hint: "It is a socket in $XDG_RUNTIME_DIR, or at the path that you gave: you must be able to write there.",
    cause,
  });
}
