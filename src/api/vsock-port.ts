/**
 * Streams with a guest, from the caller's thread: the sockets that vkrun makes for everybody, spoken to as everybody would
 * (see backends/vsock-sockets.ts).
 */
import { randomUUID } from "node:crypto";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { VkrunError } from "../errors.js";
import type { VsockConfig } from "../machine/machine-config.js";

export interface VsockOptions {
  /** The guest's address, 3 or more. Default 3. */
  cid?: number;
  /** Path of the socket to connect to; ports that the guest connects to are PATH_PORT. Default: one in the folder for temporary files. */
  path?: string;
}

const FIRST_GUEST_CID = 3;
/** VMADDR_CID_ANY is the last number, and nobody's. */
const CID_MAX = 2 ** 32 - 2;
const PORT_MAX = 2 ** 32 - 2;
/** "OK 4294967295\n" */
const ANSWER_MAX = 32;
const NEWLINE = "\n".charCodeAt(0);

export function resolveVsock(options: boolean | VsockOptions | undefined): VsockConfig | undefined {
  if (options === undefined || options === false) return undefined;
  if (options !== true && (typeof options !== "object" || options === null)) {
    throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `there is no vsock "${String(options)}"`, {
      hint: "Use true, or an object with `cid` and `path`.",
    });
  }
  const { cid = FIRST_GUEST_CID, path } = options === true ? {} : options;
  if (!Number.isInteger(cid) || cid < FIRST_GUEST_CID || cid > CID_MAX) {
    throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `${cid} cannot be a guest's vsock address`, {
      hint: `Use a number from ${FIRST_GUEST_CID} to ${CID_MAX}.`,
    });
  }
  return { cid, path: path === undefined ? join(tmpdir(), `vkrun-${randomUUID()}`) : resolve(path) };
}

export class VsockPort implements Disposable {
  readonly #servers = new Set<Server>();

  /** The guest's address. */
  readonly cid: number;
  /** The socket that others can connect to. */
  readonly path: string;

  constructor({ cid, path }: VsockConfig) {
    this.cid = cid;
    this.path = path;
  }

  /** Connects to a port that a program in the guest listens on. */
  async connect(port: number): Promise<Socket> {
    checkPort(port);
    const socket = createConnection({ path: this.path, allowHalfOpen: true });
    try {
      socket.write(`CONNECT ${port}\n`);
      if (!/^OK \d+$/.test(await firstLine(socket))) throw new Error("the answer is not OK");
      return socket;
    } catch (cause) {
      socket.destroy();
      throw new VkrunError("ERR_VKRUN_VSOCK_REFUSED", `the guest does not answer on its vsock port ${port}`, {
        hint: "A program in the guest must listen there, and the guest must have loaded its driver.",
        cause,
      });
    }
  }

  /** Takes what the guest connects to `port` of the host. Closing the server ends that. */
  async listen(port: number, onConnection: (socket: Socket) => void): Promise<Server> {
    checkPort(port);
    const server = createServer({ allowHalfOpen: true }, onConnection);
    await new Promise<void>((listening, failed) => {
      server.once("error", (cause: Error) => {
        const message = `the socket ${this.path}_${port} cannot be made: ${cause.message}`;
        failed(
          new VkrunError("ERR_VKRUN_VSOCK_PATH", message, { hint: "Check that nobody else listens there.", cause }),
        );
      });
      server.listen({ path: `${this.path}_${port}` }, listening);
    });
    this.#servers.add(server);
    server.once("close", () => {
      this.#servers.delete(server);
    });
    // A listener does not keep a program from ending.
    return server.unref();
  }

  /** The guest is gone. */
  [Symbol.dispose](): void {
    for (const server of this.#servers) server.close();
  }
}

function checkPort(port: number): void {
  if (Number.isInteger(port) && port >= 0 && port <= PORT_MAX) return;
  throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `${port} is not a vsock port`, {
    hint: `Ports are whole numbers up to ${PORT_MAX}.`,
  });
}

/** Leaves what follows the line in the socket. */
function firstLine(socket: Socket): Promise<string> {
  return new Promise((found, failed) => {
    let line = Buffer.alloc(0);
    const settle = (error?: Error): void => {
      socket.off("readable", read).off("error", settle).off("close", closed).off("end", closed);
      if (error === undefined) found(line.toString("latin1"));
      else failed(error);
    };
    const closed = (): void => settle(new Error("the connection was closed"));
    const read = (): void => {
      for (let byte = socket.read(1) as Buffer | null; byte !== null; byte = socket.read(1) as Buffer | null) {
        if (byte[0] === NEWLINE || line.length >= ANSWER_MAX) {
          settle();
          return;
        }
        line = Buffer.concat([line, byte]);
      }
    };
    socket.on("readable", read).once("error", settle).once("close", closed).once("end", closed);
  });
}
