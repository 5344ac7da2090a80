/** The ports of a guest besides its console, and what each is bound to: they outlive resets, as drives do. */
import { closeSync, createWriteStream, openSync, type WriteStream } from "node:fs";
import type { CharBackend } from "../backends/char-backend.js";
import { cannotOpenPort } from "../backends/port-error.js";
import { StreamChar } from "../backends/stream-char.js";
import type { PortOptions } from "../devices/virtio/console.js";
import { ConsolePort } from "./console-port.js";
import type { PortConfig } from "./machine-config.js";

export interface PortEvents {
  /** The guest wrote to the stream port of that index, from 1 on. */
  output(port: number, bytes: Uint8Array): void;
  consumed(port: number, bytes: number): void;
}

interface Opened {
  readonly backend: CharBackend;
  /** The end of a stream, or of a replay. */
  readonly port?: ConsolePort;
  close?(): Promise<void> | void;
}

export class Ports implements AsyncDisposable {
  /** Opens all of them, or none. A replay opens nothing: what came in is in the recording, what goes out has been there. */
  static async open(configs: readonly PortConfig[], events: PortEvents, replaying: boolean): Promise<Ports> {
    const ports = new Ports(configs);
    try {
      for (const [index, config] of configs.entries()) {
        ports.#opened.push(await open(config, index + 1, events, replaying));
      }
    } catch (error) {
      await ports[Symbol.asyncDispose]();
      throw error;
    }
    return ports;
  }

  readonly #configs: readonly PortConfig[];
  readonly #opened: Opened[] = [];

  private constructor(configs: readonly PortConfig[]) {
    this.#configs = configs;
  }

  /** For the console device of a machine. */
  forDevice(): PortOptions[] {
    return this.#configs.map(({ name, isConsole }, index) => ({
      name,
      isConsole,
      backend: (this.#opened[index] as Opened).backend,
    }));
  }

  /** The end of port `port`, from 1 on, if it is a stream or replayed. */
  end(port: number): ConsolePort | undefined {
    return this.#opened[port - 1]?.port;
  }

  /** Hands on what the guest wrote in the last slice. */
  flush(): void {
    for (const { port } of this.#opened) port?.flush();
  }

  /** Input of streams that waits for the guest, by port from 1 on. */
  waiting(): Record<string, Uint8Array[]> {
    const waiting: Record<string, Uint8Array[]> = {};
    for (const [index, { port }] of this.#opened.entries()) {
      if (port !== undefined && port.waiting.length > 0)
        waiting[index + 1] = port.waiting.map((piece) => piece.slice());
    }
    return waiting;
  }

  /** What `waiting` answered, in the vkernel that this one goes on from. */
  giveBack(waiting: Readonly<Record<string, readonly Uint8Array[]>>): void {
    for (const [index, { port }] of this.#opened.entries()) port?.giveBack(waiting[index + 1] ?? []);
  }

  /** Hands on what came in while there was no machine. */
  deliver(): void {
    for (const { port } of this.#opened) port?.deliver();
  }

  /** Which port falls behind in the coming slice of a replay, if any does. */
  replayCongestion(port: number | undefined): void {
    for (const [index, opened] of this.#opened.entries()) opened.port?.replayCongestion(index + 1 === port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#opened.splice(0).map(async ({ close }) => close?.()));
  }
}

async function open(config: PortConfig, index: number, events: PortEvents, replaying: boolean): Promise<Opened> {
  const { backend } = config;
  if (replaying || backend.type === "stream") {
    const isStream = backend.type === "stream";
    const port = new ConsolePort({
      send: (bytes) => (isStream ? events.output(index, bytes) : undefined),
      consumed: (bytes) => events.consumed(index, bytes),
      replaying,
      ...((backend.type === "pty" || backend.type === "socket") && { connected: false }),
    });
    return { backend: port, port };
  }
  switch (backend.type) {
    case "pty": {
      const { DescriptorChar } = await import("../backends/descriptor-char.js");
      const pty = DescriptorChar.openPty(backend.path);
      return { backend: pty, close: () => pty[Symbol.dispose]() };
    }
    case "tty": {
      const { DescriptorChar } = await import("../backends/descriptor-char.js");
      const tty = DescriptorChar.openTty(backend.path);
      return { backend: tty, close: () => tty[Symbol.dispose]() };
    }
    case "socket": {
      const { SocketChar } = await import("../backends/socket-char.js");
      const socket = await SocketChar.listen(backend.path);
      return { backend: socket, close: () => socket[Symbol.asyncDispose]() };
    }
    case "file": {
      const output = openFile(backend.path);
      const file = new StreamChar({ output });
      return {
        backend: file,
        close: async () => {
          file[Symbol.dispose]();
          await new Promise<void>((done) => output.end(() => done()));
        },
      };
    }
  }
}

function openFile(path: string): WriteStream {
  let fd: number | undefined;
  try {
    fd = openSync(path, "w");
    return createWriteStream(path, { fd });
  } catch (cause) {
    if (fd !== undefined) closeSync(fd);
    throw cannotOpenPort(path, "the file cannot be written", cause);
  }
}
