/**
 * The log of a vkernel's inputs: what entered it, and at which count of retired instructions. With the same start,
 * the same log gives the same run, to the instruction. One JSON array a line, so that it can be read, cut and
 * compared with ordinary tools:
 *
 *   {"vkrun":"recording","version":2,"ramBytes":536870912}
 *   ["reset","1767225600000000000","<base64 seed>"]       the machine (re)starts: wall clock in ns, entropy
 *   ["input",81234,"vda:17","<base64 payload>"]           a host event; the payload only where it has one
 *   ["clock",81234,123456,429496]                         `time` is 123456 ticks now; ticks an instruction, Q0.32
 *   ["end",99999,true]                                    the end, here by the guest's own doing
 */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { VkrunError } from "../errors.js";

export interface ResetEntry {
  readonly kind: "reset";
  readonly wallNs: bigint;
  readonly seed: Uint8Array;
}

export interface InputEntry {
  readonly kind: "input";
  readonly icount: number;
  readonly label: string;
  readonly payload: Uint8Array | undefined;
}

export interface ClockEntry {
  readonly kind: "clock";
  readonly icount: number;
  readonly ticks: bigint;
  readonly rate: number;
}

export interface EndEntry {
  readonly kind: "end";
  readonly icount: number;
  /** The guest ended itself after that count; otherwise the host stopped it there. */
  readonly byGuest: boolean;
}

export type LogEntry = ResetEntry | InputEntry | ClockEntry | EndEntry;

/** What a replay must have too, besides what its command line says. */
export interface RecordedMachine {
  readonly ramBytes: number;
  /** What depends on the host of the network device; see network.ts. */
  readonly network?: Readonly<Record<string, unknown>>;
  /** The id of the checkpoint that the guest was thawed from, if it was not booted. */
  readonly checkpoint?: string;
}

const VERSION = 2;
const BUFFER_BYTES = 64 * 1024;
/** A line holds one input; the longest are packets and pasted text. Bounds what a damaged file makes us buffer. */
const LINE_LIMIT = 16 * 2 ** 20;

/** Writes a recording. Synchronously and in large pieces: nothing of it may be lost or pile up in memory. */
export class InputRecorder implements Disposable {
  readonly #path: string;
  readonly #fd: number;
  /** Behind the header, so far. */
  entries = 0;
  #buffer = "";

  constructor(path: string, machine: RecordedMachine) {
    this.#path = path;
    try {
      this.#fd = openSync(path, "w");
    } catch (cause) {
      throw new VkrunError("ERR_VKRUN_RECORDING_WRITE", `the recording ${path} cannot be created`, {
        hint: "Check that its directory exists and that you may write there.",
        cause,
      });
    }
    this.#line({ vkrun: "recording", version: VERSION, ...machine });
    this.entries = 0;
  }

  reset(wallNs: bigint, seed: Uint8Array): void {
    this.#line(["reset", String(wallNs), Buffer.from(seed).toString("base64")]);
  }

  input(icount: bigint, label: string, payload: Uint8Array | undefined): void {
    const entry = ["input", Number(icount), label];
    if (payload !== undefined) entry.push(Buffer.from(payload).toString("base64"));
    this.#line(entry);
  }

  clock(icount: bigint, ticks: bigint, rate: number): void {
    this.#line(["clock", Number(icount), Number(ticks), rate]);
  }

  end(icount: bigint, byGuest: boolean): void {
    this.#line(["end", Number(icount), byGuest]);
    this.#flush();
  }

  [Symbol.dispose](): void {
    this.#flush();
    closeSync(this.#fd);
  }

  #line(value: unknown): void {
    this.entries++;
    this.#buffer += `${JSON.stringify(value)}\n`;
    if (this.#buffer.length >= BUFFER_BYTES) this.#flush();
  }

  #flush(): void {
    let bytes: Uint8Array = Buffer.from(this.#buffer);
    this.#buffer = "";
    try {
      while (bytes.length > 0) bytes = bytes.subarray(writeSync(this.#fd, bytes));
    } catch (cause) {
      throw new VkrunError("ERR_VKRUN_RECORDING_WRITE", `the recording ${this.#path} cannot be written`, {
        hint: "Check that its file system has space.",
        cause,
      });
    }
  }
}

/** Reads a recording, one entry ahead. */
export class InputReplay implements Disposable {
  /** The network device of the recording, if it had one. */
  readonly network: Readonly<Record<string, unknown>> | undefined;
  /** Of the checkpoint that the recording begins with, instead of a boot. */
  readonly checkpoint: string | undefined;
  readonly #path: string;
  readonly #fd: number;
  readonly #chunk = Buffer.alloc(BUFFER_BYTES);
  #pieces = "";
  #lines: string[] = [];
  #nextLine = 0;
  #ahead: LogEntry | undefined;

  constructor(path: string, ramBytes: number) {
    this.#path = path;
    try {
      this.#fd = openSync(path, "r");
    } catch (cause) {
      throw new VkrunError("ERR_VKRUN_RECORDING_READ", `the recording ${path} cannot be opened`, { cause });
    }
    const { network, checkpoint } = this.#checkHeader(ramBytes);
    this.network = network;
    this.checkpoint = checkpoint;
  }

  /** Leaves out the first entries: the guest has them behind it. */
  skip(entries: number): void {
    for (let left = entries; left > 0; left--) this.next();
  }

  /** The next entry, left where it is; undefined at the end of the file. */
  peek(): LogEntry | undefined {
    this.#ahead ??= this.#readEntry();
    return this.#ahead;
  }

  next(): LogEntry | undefined {
    const entry = this.peek();
    this.#ahead = undefined;
    return entry;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #checkHeader(ramBytes: number): Omit<RecordedMachine, "ramBytes"> {
    const header = this.#parse(this.#readLine() ?? "") as Record<string, unknown> | null;
    if (header?.["vkrun"] !== "recording" || header["version"] !== VERSION) this.#invalid("it has no header");
    if (header?.["ramBytes"] !== ramBytes) {
      throw new VkrunError(
        "ERR_VKRUN_REPLAY_MISMATCH",
        `${this.#path} records a guest with ${String(header?.["ramBytes"])} bytes of memory, not ${ramBytes}`,
        { hint: "Replay with the options that the recording was made with." },
      );
    }
    return header as Omit<RecordedMachine, "ramBytes">;
  }

  #readEntry(): LogEntry | undefined {
    const line = this.#readLine();
    if (line === undefined) return undefined;
    const fields = this.#parse(line);
    if (!Array.isArray(fields)) return this.#invalid(`unexpected line ${line.slice(0, 60)}`);
    const [kind, a, b, c] = fields as unknown[];
    if (kind === "reset" && typeof a === "string" && /^\d+$/.test(a) && typeof b === "string") {
      return { kind, wallNs: BigInt(a), seed: Buffer.from(b, "base64") };
    }
    if (!Number.isSafeInteger(a) || (a as number) < 0) return this.#invalid(`bad count in ${line.slice(0, 60)}`);
    const icount = a as number;
    if (kind === "input" && typeof b === "string") {
      return { kind, icount, label: b, payload: typeof c === "string" ? Buffer.from(c, "base64") : undefined };
    }
    if (kind === "clock" && Number.isSafeInteger(b) && Number.isSafeInteger(c)) {
      return { kind, icount, ticks: BigInt(b as number), rate: c as number };
    }
    if (kind === "end" && typeof b === "boolean") return { kind, icount, byGuest: b };
    return this.#invalid(`unknown entry ${line.slice(0, 60)}`);
  }

  #readLine(): string | undefined {
    while (this.#nextLine >= this.#lines.length) {
      const length = readSync(this.#fd, this.#chunk);
      // A last line without an end was being written when its vkrun died: it does not count.
      if (length === 0) return undefined;
      // The log is ASCII, whatever the payloads are.
      this.#lines = (this.#pieces + this.#chunk.toString("latin1", 0, length)).split("\n");
      this.#nextLine = 0;
      this.#pieces = this.#lines.pop() ?? "";
      if (this.#pieces.length > LINE_LIMIT) this.#invalid("a line is too long");
    }
    return this.#lines[this.#nextLine++];
  }

  #parse(line: string): unknown {
    try {
      return JSON.parse(line);
    } catch {
      return this.#invalid(`not JSON: ${line.slice(0, 60)}`);
    }
  }

  #invalid(why: string): never {
    throw new VkrunError("ERR_VKRUN_RECORDING_INVALID", `${this.#path} is not a recording by vkrun: ${why}`, {
      hint: "Name a file that was written with `record`.",
    });
  }
}
