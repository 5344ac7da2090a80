/** Talks to the control socket of a running vkernel. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { VkrunError } from "../errors.js";
import { socketOf } from "./control-folder.js";
import { ANSWER_MAX, type ControlAnswer, controlError, decodeControlError, linesOf } from "./control-protocol.js";

export interface RequestOptions {
  readonly onProgress?: (progress: unknown) => void;
  /** Give up when there is no answer by then. Default: never. */
  readonly timeoutMs?: number;
}

export class ControlClient implements Disposable {
  readonly #name: string;
  readonly #socket: Socket;
  readonly #lines: AsyncGenerator<string>;

  /** Connects to the vkernel of that name. */
  static async connect(name: string, path = socketOf(name)): Promise<ControlClient> {
    const socket = connect({ path, allowHalfOpen: true });
    try {
      await once(socket, "connect");
    } catch (cause) {
      throw connectError(name, path, cause as NodeJS.ErrnoException);
    }
    return new ControlClient(name, socket);
  }

  private constructor(name: string, socket: Socket) {
    this.#name = name;
    this.#socket = socket;
    socket.on("error", () => socket.destroy());
    this.#lines = linesOf(socket, ANSWER_MAX);
  }

  /** One at a time. */
  async request<Result>(command: string, what: object = {}, options: RequestOptions = {}): Promise<Result> {
    let late = false;
    this.#socket.setTimeout(options.timeoutMs ?? 0, () => {
      late = true;
      this.#socket.destroy();
    });
    this.#socket.write(`${JSON.stringify({ command, ...what })}\n`);
    try {
      return await this.#answer<Result>(options);
    } catch (error) {
      if (error instanceof VkrunError) throw error;
      // The socket was destroyed, by its other end or by us.
      throw this.#noAnswer(late, error);
    }
  }

  /** Instead of requests: what the vkernel makes of the connection after this one. The caller's from then on. */
  async takeOver(command: string, what: object = {}): Promise<Socket> {
    const socket = this.#socket;
    socket.write(`${JSON.stringify({ command, ...what })}\n`);
    const answer = parseAnswer(await this.#firstLine());
    if ("error" in answer) throw decodeControlError(answer.error);
    return socket;
  }

  /** Leaves what follows the line in the socket. */
  async #firstLine(): Promise<string> {
    const socket = this.#socket;
    let line = Buffer.alloc(0);
    while (line.length <= ANSWER_MAX) {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) {
        if (socket.destroyed || socket.readableEnded) throw this.#noAnswer(false);
        await Promise.race(["readable", "end", "close"].map((event) => once(socket, event)));
        continue;
      }
      line = Buffer.concat([line, chunk]);
      const end = line.indexOf("\n");
      if (end < 0) continue;
      if (end + 1 < line.length) socket.unshift(line.subarray(end + 1));
      return line.toString("utf8", 0, end);
    }
    throw controlError("an answer that is too long");
  }

  /** Resolves when the vkernel's process has closed the connection: it has ended. */
  async closed(): Promise<void> {
    await this.#lines.next().catch(() => undefined);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  async #answer<Result>({ onProgress }: RequestOptions): Promise<Result> {
    for (;;) {
      const { value: line, done } = await this.#lines.next();
      if (done) throw this.#noAnswer(false);
      const answer = parseAnswer(line);
      if ("error" in answer) throw decodeControlError(answer.error);
      if ("result" in answer) return answer.result as Result;
      onProgress?.(answer.progress);
    }
  }

  #noAnswer(late: boolean, cause?: unknown): VkrunError {
    const what = late ? "does not answer" : "ended before it answered";
    return new VkrunError("ERR_VKRUN_NO_ANSWER", `the vkernel "${this.#name}" ${what}`, {
      hint: late ? "It may be stopped (SIGSTOP), or its host too busy." : "`vkrun ps` lists those that are running.",
      cause,
    });
  }
}

function parseAnswer(line: string): ControlAnswer {
  try {
    const answer = JSON.parse(line) as ControlAnswer;
    if (typeof answer === "object" && answer !== null) return answer;
  } catch {
    // Told below.
  }
  throw controlError("an answer that is no object");
}

function connectError(name: string, path: string, cause: NodeJS.ErrnoException): VkrunError {
  // ECONNREFUSED: it was killed, and its socket is still there.
  if (cause.code === "ENOENT" || cause.code === "ECONNREFUSED") {
    return new VkrunError("ERR_VKRUN_NOT_RUNNING", `no vkernel named "${name}" is running`, {
      hint: "`vkrun ps` lists those that are; a vkernel gets its name from --name.",
      cause,
    });
  }
  return new VkrunError("ERR_VKRUN_NO_ANSWER", `the control socket ${path} cannot be used: ${cause.message}`, {
    hint: "It belongs to the user who runs that vkernel.",
    cause,
  });
}
