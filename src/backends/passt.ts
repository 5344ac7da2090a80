/**
 * The host's network without privileges, by way of passt (its Debian package has the same name): a process that turns the
 * guest's connections into ordinary sockets of its own. It gets one end of a socket pair, and ends with the other.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { VkrunError } from "../errors.js";
import { native } from "../native.js";
import { FrameSocket } from "./frame-socket.js";
import { keepingDescriptors } from "./own-descriptors.js";
import { type PortForward, requireFree } from "./port-forward.js";

const PROGRAM = "passt";
/** The descriptor that it finds its socket at. */
const SOCKET_FD = 3;
/** Its guard's, which reads a line there when there is nothing left to guard. */
const GUARD_FD = 4;
/**
 * passt ends with its socket, unless it is too busy or too stuck to see that; and when this process is killed, nobody is left to
 * help. So it has a guard, which sees the end of its own pipe. A parent-death signal (prctl(2)) does not last: passt changes its
 * credentials. The shell becomes passt, whose process id is `$$`.
 */
const GUARDED = `( trap "" HUP INT TERM; read -r line || kill -KILL $$ ) <&${GUARD_FD} 2>/dev/null ${SOCKET_FD}<&- &
exec "$0" "$@" ${GUARD_FD}<&-`;
/** It sends as much as a connection's window has in one go, and drops what does not fit: what its own sockets have. */
const SEND_BUFFER = 8 * 2 ** 20;
/** It takes some tens of milliseconds; this is for a host that is busy. */
const READY_TIMEOUT_MS = 20_000;
const READY_POLL_MS = 5;
/** Between asking it to end and ending it. */
const END_TIMEOUT_MS = 2000;
/** Of what it printed, for messages. */
const OUTPUT_MAX = 4096;
/** Its own noise where there is no system logger. */
const SYSLOG_NOISE = /^(Failed to send \d+ bytes to syslog|Couldn't .* \/dev\/log)/;

export interface PasstOptions {
  readonly publish: readonly PortForward[];
  readonly mtu: number;
  /** passt ended, which it does not do by itself. */
  readonly onTrouble: (error: VkrunError) => void;
}

/** Whether there is a passt that can be started. */
export function passtInstalled(): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, PROGRAM)));
}

export class Passt extends FrameSocket {
  readonly #process: ChildProcess;
  #disposed = false;

  /** Starts passt, and resolves when it is at work. */
  static async start(options: PasstOptions): Promise<Passt> {
    if (!passtInstalled()) throw missing();
    await requireFree(options.publish);
    const folder = mkdtempSync(join(tmpdir(), "vkrun-passt-"));
    const pidFile = join(folder, "pid");
    let fd: number | undefined;
    try {
      // Started by root it becomes nobody, and then has to be able to write there.
      chmodSync(folder, 0o711);
      writeFileSync(pidFile, "");
      chmodSync(pidFile, 0o666);
      const { ours, theirs } = native().openSocketPair({ sendBuffer: SEND_BUFFER });
      fd = ours;
      const child = startWith(theirs, passtArguments(options, pidFile));
      const output = new Output(child);
      await ready(child, pidFile, output);
      const passt = new Passt(child, fd, output, options);
      fd = undefined;
      return passt;
    } finally {
      if (fd !== undefined) native().closeDescriptor({ fd });
      rmSync(folder, { recursive: true, force: true });
    }
  }

  private constructor(child: ChildProcess, fd: number, output: Output, { mtu, onTrouble }: PasstOptions) {
    super({ fd, mtu, onEnd: () => void end(child) });
    this.#process = child;
    child.once("exit", () => {
      this.disconnected();
      if (!this.#disposed) onTrouble(failed("passt ended, and with it the guest's network", output));
    });
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await super[Symbol.asyncDispose]();
    await end(this.#process);
  }
}

/** Starts passt with a socket that is its own from then on. */
function startWith(socket: number, args: readonly string[]): ChildProcess {
  try {
    const child = keepingDescriptors(() =>
      spawn("/bin/sh", ["-c", GUARDED, PROGRAM, ...args], { stdio: ["ignore", "ignore", "pipe", socket, "pipe"] }),
    );
    const guard = child.stdio[GUARD_FD] as Socket | undefined;
    // A guard that has gone is not missed before passt has, too.
    guard?.on("error", () => undefined);
    child.once("exit", () => guard?.end("\n"));
    return child;
  } finally {
    native().closeDescriptor({ fd: socket });
  }
}

function passtArguments({ publish, mtu }: PasstOptions, pidFile: string): string[] {
  const specs = (protocol: PortForward["protocol"]): string[] => {
    const chosen = publish.filter((forward) => forward.protocol === protocol);
    const option = protocol === "tcp" ? "--tcp-ports" : "--udp-ports";
    if (chosen.length === 0) return [option, "none"];
    return chosen.flatMap(({ address, hostPort, guestPort }) => [option, `${address}/${hostPort}:${guestPort}`]);
  };
  const fixed = ["--foreground", "--quiet", "--fd", String(SOCKET_FD), "--pid", pidFile, "--mtu", String(mtu)];
  return [...fixed, ...specs("tcp"), ...specs("udp")];
}

/** It writes the file when all its sockets are bound. */
async function ready(child: ChildProcess, pidFile: string, output: Output): Promise<void> {
  let failure: Error | undefined;
  child.once("error", (error) => {
    failure = error;
  });
  const startMs = performance.now();
  for (;;) {
    if (failure !== undefined) throw notStarted(failure);
    if (child.exitCode !== null || child.signalCode !== null) {
      await output.complete;
      throw failed("passt could not start the guest's network", output);
    }
    if (existsSync(pidFile) && readFileSync(pidFile).length > 0) return;
    if (performance.now() - startMs > READY_TIMEOUT_MS) {
      await end(child);
      throw failed("passt did not become ready", output);
    }
    await delay(READY_POLL_MS);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), END_TIMEOUT_MS);
  await gone;
  clearTimeout(timer);
}

/** The last that a process said. */
class Output {
  /** Resolves when there will be no more. */
  readonly complete: Promise<void>;
  #text = "";

  constructor({ stderr }: ChildProcess) {
    stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#text = (this.#text + text).slice(-OUTPUT_MAX);
    });
    this.complete = new Promise((resolve) => stderr?.once("close", () => resolve()));
    this.complete.catch(() => undefined);
  }

  get text(): string {
    const lines = this.#text.split("\n").map((line) => line.trim());
    return lines.filter((line) => line !== "" && !SYSLOG_NOISE.test(line)).join("; ");
  }
}

function failed(what: string, output: Output): VkrunError {
  return new VkrunError("ERR_VKRUN_PASST_FAILED", output.text === "" ? what : `${what}: ${output.text}`, {
    hint: "passt needs a network interface with a default route. `--net none` starts the guest without a network.",
  });
}

function notStarted(cause: Error): VkrunError {
  return new VkrunError("ERR_VKRUN_PASST_FAILED", `passt cannot be started: ${cause.message}`, { cause });
}

function missing(): VkrunError {
  return new VkrunError("ERR_VKRUN_PASST_MISSING", "passt is not installed, and the user network is made of it", {
    hint: "Install it (Debian: sudo apt-get install passt), or use --net tap:NAME or --net none.",
  });
}
