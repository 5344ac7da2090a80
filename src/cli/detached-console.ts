/**
 * The console of a vkernel that has no terminal: whoever connects sees the end of what was printed, and from then on everything.
 * Several may be connected at once, and all may type. The guest never waits for any of them.
 */
import type { Socket } from "node:net";
import type { VKernelConsole } from "../index.js";

/** What is kept for who connects next. */
const KEPT_BYTES = 64 * 1024;
/** Somebody who reads slower than the guest prints, and is that far behind, is cut off. */
const UNREAD_MAX = 4 * 2 ** 20;
/** A guest's connections are not more (control-server.ts); each listens to the console. */
const LISTENERS_MAX = 100;

export class DetachedConsole {
  readonly #console: VKernelConsole;
  readonly #sockets = new Set<Socket>();
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #ended = false;

  constructor(console: VKernelConsole) {
    this.#console = console;
    console.setMaxListeners(LISTENERS_MAX);
    console.on("data", (bytes: Buffer) => this.#printed(bytes));
    console.once("end", () => {
      this.#ended = true;
      for (const socket of this.#sockets) socket.end();
    });
  }

  /** From here on the socket carries the console's bytes, both ways. */
  attach(socket: Socket): void {
    for (const bytes of this.#kept) socket.write(bytes);
    if (this.#ended) {
      socket.end();
      return;
    }
    this.#sockets.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      socket.unpipe(this.#console);
    });
    socket.pipe(this.#console, { end: false });
  }

  #printed(bytes: Buffer): void {
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
    while (this.#keptBytes - (this.#kept[0]?.length ?? 0) >= KEPT_BYTES) {
      this.#keptBytes -= this.#kept.shift()?.length ?? 0;
    }
    for (const socket of this.#sockets) {
      if (socket.writableLength > UNREAD_MAX) socket.destroy();
      else socket.write(bytes);
    }
  }
}
