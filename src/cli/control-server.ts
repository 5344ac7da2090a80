/**
 * The control socket of a running vkernel: `vkrun ps`, `vkrun stop` and others talk to it. Whoever can connect is the same
 * user, or root; it may still talk nonsense, or nothing at all, and that must cost the guest nothing.
 */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { ClaimedName } from "./control-folder.js";
import { type ControlAnswer, controlError, encodeControlError, linesOf, REQUEST_MAX } from "./control-protocol.js";

export type ControlRequest = Readonly<Record<string, unknown>>;

export interface ControlContext {
  /** The client has gone away: what it asked for is not wanted any more. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: unknown) => void;
}

/** What can be asked for, by the word in `command`. What is in a request has been checked by nobody yet. */
export type ControlHandlers = Readonly<
  Record<string, (request: ControlRequest, context: ControlContext) => Promise<unknown>>
>;

/** The answer of a handler that goes on by itself, on what is no connection for requests any more once the answer is sent. */
export class Takeover {
  constructor(readonly take: (socket: Socket) => void) {}
}

const CONNECTIONS_MAX = 32;
/** For a client to say what it wants, and to take what it was told. */
const IDLE_MS = 10_000;
/** Progress is left out for a client that reads slower than it is told. */
const UNREAD_MAX = 64 * 1024;

export class ControlServer implements AsyncDisposable {
  readonly #name: ClaimedName;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** Listens under a name that was taken, and keeps it until disposed of. */
  static async listen(name: ClaimedName, handlers: ControlHandlers): Promise<ControlServer> {
    const control = new ControlServer(name, handlers);
    control.#server.listen({ path: name.socketPath });
    await once(control.#server, "listening");
    // Out of descriptors, for one: who could not be let in is gone, and the others stay.
    control.#server.on("error", () => undefined);
    // The vkernel is what keeps the process.
    control.#server.unref();
    return control;
  }

  private constructor(name: ClaimedName, handlers: ControlHandlers) {
    this.#name = name;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket, handlers));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    // Whoever waits for the connection's end must find the name free.
    await this.#name[Symbol.asyncDispose]();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket, handlers: ControlHandlers): void {
    this.#sockets.add(socket);
    const gone = new AbortController();
    socket.once("close", () => {
      this.#sockets.delete(socket);
      gone.abort();
    });
    socket.on("error", () => socket.destroy());
    socket.on("timeout", () => socket.destroy());
    void serve(socket, handlers, gone.signal)
      // Told, if anybody still listens, and over.
      .catch((error: unknown) => send(socket, { error: encodeControlError(error) }))
      .catch(() => undefined)
      .then((takeover) => (takeover ? takeover.take(socket) : socket.end()));
  }
}

/** Until the client has no more requests, or asked for something else than answers. */
async function serve(socket: Socket, handlers: ControlHandlers, signal: AbortSignal): Promise<Takeover | undefined> {
  socket.setTimeout(IDLE_MS);
  // Not its own iterator: that would destroy the socket together with what was not read of the last answer.
  for await (const line of linesOf(socket.iterator({ destroyOnReturn: false }), REQUEST_MAX)) {
    // Work may take its time.
    socket.setTimeout(0);
    const answer = await respond(line, handlers, {
      signal,
      onProgress: (progress) => {
        if (socket.writableLength < UNREAD_MAX) socket.write(encode({ progress }));
      },
    });
    if (answer instanceof Takeover) {
      await send(socket, { result: null });
      return answer;
    }
    socket.setTimeout(IDLE_MS);
    await send(socket, answer);
  }
  return undefined;
}

async function respond(
  line: string,
  handlers: ControlHandlers,
  context: ControlContext,
): Promise<ControlAnswer | Takeover> {
  try {
    const request = parseRequest(line);
    const command = String(request["command"]);
    const handler = Object.hasOwn(handlers, command) ? handlers[command] : undefined;
    if (handler === undefined) throw controlError(`the command ${JSON.stringify(command.slice(0, 40))}`);
    const result = await handler(request, context);
    return result instanceof Takeover ? result : { result: result ?? null };
  } catch (error) {
    return { error: encodeControlError(error) };
  }
}

function parseRequest(line: string): ControlRequest {
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch {
    throw controlError("a line that is no JSON");
  }
  if (typeof request !== "object" || request === null || Array.isArray(request)) {
    throw controlError("a request that is no object");
  }
  return request as ControlRequest;
}

/** Resolves when the client has taken it, or is gone. */
async function send(socket: Socket, answer: ControlAnswer): Promise<void> {
  if (socket.destroyed) return;
  await new Promise<void>((resolve) => {
    socket.once("close", resolve);
    socket.write(encode(answer), () => {
      socket.off("close", resolve);
      resolve();
    });
  });
}

function encode(answer: ControlAnswer): string {
  return `${JSON.stringify(answer)}\n`;
}
