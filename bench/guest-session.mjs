// @ts-check
// A machine with Linux in it, and a terminal that the suites type on.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

/** By which line editors and systemd ask the terminal where its cursor is; nobody answers. */
const CURSOR_QUERY = "\x1b[6n";
/** A guest's output without what nobody is meant to read. @param {string} output */
export function withoutQueries(output) {
  return output.replaceAll(CURSOR_QUERY, "");
}

/** How much of what a guest wrote is shown when it does not write what it should. */
const SHOWN_CHARACTERS = 2000;
/** What `bench` of bench/guest/session.sh prints around a command. */
const START = /^@start\r*\n/m;
const END = /^@end (\d+)\r*\n/m;

export class GuestSession {
  /** @type {import("node:child_process").ChildProcessByStdio<import("node:stream").Writable, import("node:stream").Readable, null>} */
  #child;
  #output = "";
  #startedAt = process.hrtime.bigint();
  #exited;
  #changed = () => {};
  /** A machine would outlive a suite that was interrupted. */
  #kill = () => void this.#child.kill("SIGKILL");

  /** @param {import("./machines.mjs").Machine} machine */
  constructor({ name, command: [program, ...args] }) {
    this.name = name;
    this.#child = spawn(/** @type {string} */ (program), args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#exited = once(this.#child, "exit");
    this.#child.once("exit", () => this.#changed());
    process.once("exit", this.#kill);
    // The guest may be gone when something is typed; that it is gone is told by `waitFor`.
    this.#child.stdin.on("error", () => {});
    this.#child.stdout.setEncoding("utf8").on("data", (text) => {
      // A query may come in two pieces.
      this.#output = withoutQueries(this.#output + text);
      this.#changed();
    });
  }

  get pid() {
    return this.#child.pid;
  }

  /** Seconds since the process was started. */
  get age() {
    return Number(process.hrtime.bigint() - this.#startedAt) / 1e9;
  }

  /**
   * Resolves with what stands before `pattern`, and with the match, as soon as the guest has written it; both are then
   * taken from its output.
   * @param {RegExp} pattern
   * @param {number} timeoutSeconds
   */
  async waitFor(pattern, timeoutSeconds) {
    const abort = new AbortController();
    const timeout = delay(timeoutSeconds * 1000, "timeout", { signal: abort.signal }).catch(() => "");
    try {
      for (;;) {
        const match = pattern.exec(this.#output);
        if (match !== null) {
          const before = this.#output.slice(0, match.index);
          this.#output = this.#output.slice(match.index + match[0].length);
          return { before, match };
        }
        if (this.#child.exitCode !== null || this.#child.signalCode !== null)
          throw this.#error(`ended before it wrote ${pattern}`);
        const change = new Promise((resolve) => {
          this.#changed = () => resolve("");
        });
        if ((await Promise.race([change, timeout])) === "timeout")
          throw this.#error(`did not write ${pattern} within ${timeoutSeconds} s`);
      }
    } finally {
      abort.abort();
    }
  }

  /** @param {string} text */
  type(text) {
    this.#child.stdin.write(text);
  }

  /**
   * Runs a command of the guest's shell. The time is the host's: from the line before the command's output to the one
   * after.
   * @param {string} command
   * @param {number} timeoutSeconds
   */
  async run(command, timeoutSeconds) {
    this.type(`bench ${command}\n`);
    await this.waitFor(START, timeoutSeconds);
    const start = process.hrtime.bigint();
    const { before, match } = await this.waitFor(END, timeoutSeconds);
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    const output = before.replaceAll("\r", "").trim();
    if (match[1] !== "0") throw new Error(`${this.name}: ${command} ended with status ${match[1]}:\n${output}`);
    return { seconds, output };
  }

  async [Symbol.asyncDispose]() {
    process.off("exit", this.#kill);
    this.#kill();
    await this.#exited;
  }

  /** @param {string} what */
  #error(what) {
    return new Error(`${this.name} ${what}; its output ends with:\n${this.#output.slice(-SHOWN_CHARACTERS)}`);
  }
}

/**
 * Starts the machines one after the other, hands over their guests, and ends them.
 * @template Result
 * @param {import("./machines.mjs").Machine[]} machines
 * @param {(guest: GuestSession) => Promise<void>} prepare
 * @param {(guests: GuestSession[]) => Promise<Result>} task
 */
export async function withGuests(machines, prepare, task) {
  /** @type {GuestSession[]} */
  const guests = [];
  try {
    for (const machine of machines) {
      const guest = new GuestSession(machine);
      guests.push(guest);
      await prepare(guest);
    }
    return await task(guests);
  } finally {
    for (const guest of guests) await guest[Symbol.asyncDispose]();
  }
}

/**
 * Runs a command of both guests' shells by turns and answers how long it took.
 * @param {GuestSession[]} guests
 * @param {(name: import("./machines.mjs").MachineName) => string} command
 * @param {{ runs: number, timeoutSeconds: number }} options
 */
export async function timeByTurns(guests, command, { runs, timeoutSeconds }) {
  const seconds = { QEMU: /** @type {number[]} */ ([]), vkrun: /** @type {number[]} */ ([]) };
  for (let run = 0; run < runs; run++) {
    for (const guest of guests)
      seconds[guest.name].push((await guest.run(command(guest.name), timeoutSeconds)).seconds);
  }
  return seconds;
}
