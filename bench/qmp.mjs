// @ts-check
// QEMU's control socket (QMP): one command at a time, its events passed over.
import { once } from "node:events";
import { createConnection } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";

const CONNECT_TRIES = 200;
const POLL_MS = 5;

export class Qmp {
  #socket;
  #lines;

  /**
   * @param {string} path
   * @param {(qmp: Qmp) => Promise<void>} task
   */
  static async with(path, task) {
    const qmp = await Qmp.#connect(path);
    try {
      await task(qmp);
    } finally {
      qmp.#socket.destroy();
    }
  }

  /** @param {string} path */
  static async #connect(path) {
    for (let tries = 0; ; tries++) {
      const socket = createConnection(path);
      try {
        await once(socket, "connect");
        const qmp = new Qmp(socket);
        await qmp.execute("qmp_capabilities");
        return qmp;
      } catch (error) {
        // QEMU makes it a moment after its start.
        if (tries === CONNECT_TRIES) throw error;
        await delay(POLL_MS);
      }
    }
  }

  /** @param {import("node:net").Socket} socket */
  constructor(socket) {
    this.#socket = socket;
    this.#lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  /** @param {string} command @param {object} [args] */
  async execute(command, args) {
    this.#socket.write(`${JSON.stringify({ execute: command, ...(args && { arguments: args }) })}\n`);
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`QEMU ended during ${command}`);
      const answer = JSON.parse(value);
      if (answer.error) throw new Error(`QEMU: ${command}: ${answer.error.desc}`);
      if ("return" in answer) return answer.return;
    }
  }

  /** Has the guest's state written to a file, the guest standing still. @param {string} path */
  async save(path) {
    await this.execute("stop");
    await this.execute("migrate", { uri: `exec:cat > ${path}` });
    for (;;) {
      const { status } = await this.execute("query-migrate");
      if (status === "completed") return this.execute("cont");
      if (status === "failed") throw new Error("QEMU could not write its guest's state");
      await delay(POLL_MS);
    }
  }
}
