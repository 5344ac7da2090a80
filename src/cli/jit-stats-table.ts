/** What `--jit-stats` prints when the guest has ended. */
import type { JitStats } from "../index.js";

const NAME_WIDTH = 44;

export function jitStatsTable(stats: JitStats): string {
  const { times, instructions, hottest } = stats;
  const all = instructions.compiled + instructions.interpreted;
  const share = (part: number, whole: number): string => (whole > 0 ? `${((100 * part) / whole).toFixed(1)} %` : "-");
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(3)} s`;
  const time = (what: string, ms: number): string => row(what, seconds(ms), share(ms, times.wallMs));
  const count = (what: string, value: bigint): string => row(what, value.toString(), share(Number(value), Number(all)));
  const lines = [
    "compiled code",
    row("regions", String(stats.regions), `in ${stats.modules} modules`),
    row("WebAssembly", `${(stats.bytes / 1024).toFixed(0)} KiB`),
    row("compiling it", seconds(stats.compileMs), "until V8 had it"),
    row("dropped", String(stats.drops), "times, all of it"),
    "instructions",
    count("compiled", instructions.compiled),
    count("interpreted", instructions.interpreted),
    "time",
    time("compiled code", times.compiledMs),
    time("interpreter", times.interpreterMs),
    time("slow paths", times.slowPathsMs),
    time("compiler", times.compilerMs),
    time("devices", times.devicesMs),
    time("host", times.hostMs),
    time("idle", times.idleMs),
    time("all", times.wallMs),
  ];
  if (hottest.length > 0) lines.push("hottest regions", header());
  for (const { address, symbol, entries, instructions: retired, ms } of hottest) {
    const name = symbol === undefined ? `0x${address.toString(16)}` : `0x${address.toString(16)} ${symbol}`;
    const cells = [ms.toFixed(0).padStart(8), String(entries).padStart(12), String(retired).padStart(14)];
    lines.push(`  ${name.padEnd(NAME_WIDTH)} ${cells.join(" ")}`.trimEnd());
  }
  return `${lines.join("\n")}\n`;
}

function header(): string {
  return `  ${"".padEnd(NAME_WIDTH)} ${"ms".padStart(8)} ${"entries".padStart(12)} ${"instructions".padStart(14)}`;
}

function row(what: string, value: string, note = ""): string {
  return `  ${what.padEnd(16)}${value.padStart(16)}  ${note}`.trimEnd();
}
