import type { Core } from "../wasm/core.js";
import type { JitObserver } from "./jit-observer.js";
import type { MachineConfig } from "./machine-config.js";

/** Begins to observe a machine. */
export type Observe = (core: Core) => JitObserver;

/** Loads what most runs have no use for: Node's inspector, and a table of symbols. */
export async function loadObserver(
  config: Pick<MachineConfig, "jitStats" | "perfMap" | "symbols">,
): Promise<Observe | undefined> {
  const { jitStats, perfMap, symbols: path } = config;
  const symbols = path === undefined ? undefined : await (await import("./symbols.js")).Symbols.read(path);
  if (!jitStats && !perfMap) return undefined;
  const { JitObserver } = await import("./jit-observer.js");
  return (core) => new JitObserver(core, { stats: jitStats, symbols });
}
