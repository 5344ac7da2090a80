/** Tells what went wrong with the host's side of disks, but not faster than anybody would want to hear of it. */
import { VkrunError } from "../errors.js";
import type { DiskError } from "./machine-config.js";

/** As the device reports it. */
interface Failure {
  readonly operation: DiskError["operation"];
  readonly offset: number;
  readonly length: number;
  readonly error: unknown;
}

/** A guest tries again and again; of failures of one kind the first is told, and then one in so many milliseconds. */
const INTERVAL_MS = 1000;

export class DiskFailures {
  readonly #tell: (error: DiskError) => void;
  readonly #now: () => number;
  readonly #told = new Map<string, { at: number; untold: number }>();

  constructor(tell: (error: DiskError) => void, now: () => number = () => performance.now()) {
    this.#tell = tell;
    this.#now = now;
  }

  report(drive: string, { operation, offset, length, error }: Failure): void {
    const message = error instanceof Error ? error.message : String(error);
    const code =
      error instanceof VkrunError ? error.code : ((error as NodeJS.ErrnoException | null)?.code ?? "UNKNOWN");
    const kind = `${drive} ${operation} ${code}`;
    const last = this.#told.get(kind);
    const now = this.#now();
    if (last !== undefined && now - last.at < INTERVAL_MS) {
      last.untold++;
      return;
    }
    this.#told.set(kind, { at: now, untold: 0 });
    this.#tell({ drive, operation, offset, length, code, message, untold: last?.untold ?? 0 });
  }
}
