/** Where log records go: warnings to stderr for people, or all from a level on as JSON lines for `--log`. */

import { VkrunError } from "../errors.js";
import type { LogRecord } from "../index.js";

const LEVELS = ["debug", "info", "warn", "error"] as const;

type Destination = typeof import("pino").destination;
export type LogSink = (record: LogRecord) => void;

export interface LogSinkOptions {
  /** A level (to stderr) or the name of a file (everything). */
  readonly log: string | undefined;
  readonly name: string;
  readonly quiet: boolean;
}

export async function openLog({ log, name, quiet }: LogSinkOptions): Promise<LogSink> {
  if (log === undefined) return quiet ? () => undefined : warnings;
  // Loaded only when asked for: most runs log nothing.
  const { destination, pino } = await import("pino");
  const level = LEVELS.find((known) => known === log);
  const stream = level === undefined ? openFile(log, destination) : destination({ fd: 2, sync: true });
  const logger = pino({ name, level: level ?? "debug" }, stream);
  return (record) => logger[record.level](record.fields, record.message);
}

function openFile(path: string, destination: Destination): ReturnType<Destination> {
  try {
    return destination({ dest: path, sync: true, append: true });
  } catch (cause) {
    throw new VkrunError("ERR_VKRUN_LOG_WRITE", `the log file ${path} cannot be opened`, {
      hint: `Name a file that you may write, or one of the levels ${LEVELS.join(", ")}.`,
      cause,
    });
  }
}

function warnings({ level, message, fields }: LogRecord): void {
  if (level !== "warn" && level !== "error") return;
  const hint = typeof fields["hint"] === "string" ? `\n  ${fields["hint"]}` : "";
  process.stderr.write(`vkrun: warning: ${message}${hint}\n`);
}
