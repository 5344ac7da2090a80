/** Tables for terminals, plain enough for `awk`. */
import Table from "cli-table3";

export interface TextTable {
  readonly head: readonly string[];
  readonly align: readonly ("left" | "right")[];
  readonly rows: readonly (readonly string[])[];
}

const NO_LINES = Object.fromEntries(
  ["top", "bottom", "left", "right", "mid"].flatMap((side) => [
    [side, ""],
    [`${side}-mid`, ""],
    [`${side}-left`, ""],
    [`${side}-right`, ""],
  ]),
);

/** Two spaces between columns, none at the ends of lines. */
export function textTable({ head, align, rows }: TextTable): string {
  const table = new Table({
    chars: { ...NO_LINES, middle: "  " },
    colAligns: [...align],
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
  });
  for (const row of [head, ...rows]) table.push(row.map(printable));
  return `${table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")}\n`;
}

/** Names come from files: what would move a terminal's cursor is not printed. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is replaced
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "?");
}

export function mebibytes(bytes: number): string {
  return String(Math.round(bytes / 2 ** 20));
}

/** 59s, 3m12s, 2h05m, 4d03h */
export function duration(seconds: number): string {
  const two = (count: number): string => String(count).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (minutes === 0) return `${Math.floor(seconds)}s`;
  if (hours === 0) return `${minutes}m${two(Math.floor(seconds) % 60)}s`;
  return days === 0 ? `${hours}h${two(minutes % 60)}m` : `${days}d${two(hours % 24)}h`;
}
