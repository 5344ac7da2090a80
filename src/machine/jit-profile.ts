/**
 * Where a vkernel's thread spends its time, as V8's sampling profiler sees it: each millisecond it looks which function
 * is running, and from where it was called. What is sampled is told apart by names: those of the core's functions,
 * which are their paths in assembly/, and those that regions were given.
 */
import { type Profiler, Session } from "node:inspector";

export interface ProfiledTimes {
  compiledMs: number;
  interpreterMs: number;
  slowPathsMs: number;
  compilerMs: number;
  devicesMs: number;
  hostMs: number;
}

type Part = keyof ProfiledTimes;

/** What regions are called: this, and their address. */
export const REGION_PREFIX = "guest ";

const INTERVAL_US = 1000;
/** A profile grows with time: it is counted up and begun anew. */
const RENEW_MS = 60_000;
const IDLE = "(idle)";
const ROOT = "(root)";
const CORE = "assembly/";

export class JitProfile implements Disposable {
  readonly times: ProfiledTimes = {
    compiledMs: 0,
    interpreterMs: 0,
    slowPathsMs: 0,
    compilerMs: 0,
    devicesMs: 0,
    hostMs: 0,
  };
  /** By the names of regions, in milliseconds. */
  readonly regionMs = new Map<string, number>();
  readonly #session = new Session();
  readonly #renewal: NodeJS.Timeout;

  constructor() {
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.setSamplingInterval", { interval: INTERVAL_US });
    this.#session.post("Profiler.start");
    this.#renewal = setInterval(() => {
      this.collect();
      this.#session.post("Profiler.start");
    }, RENEW_MS).unref();
  }

  /** Counts up what was sampled since it was begun. */
  collect(): void {
    // A session on its own thread answers before `post` returns.
    this.#session.post("Profiler.stop", (error, answer) => {
      if (error === null) this.#count(answer.profile);
    });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#renewal);
    this.#session.disconnect();
  }

  #count({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): void {
    const byId = new Map(nodes.map((node) => [node.id, node]));
    const parents = new Map<number, number>();
    for (const { id, children = [] } of nodes) for (const child of children) parents.set(child, id);
    const self = new Map<number, number>();
    for (const [index, id] of samples.entries()) {
      // A delta is the time before its sample; the first one is that of starting.
      self.set(id, (self.get(id) ?? 0) + (timeDeltas[index + 1] ?? INTERVAL_US));
    }
    for (const [id, us] of self) {
      const names: string[] = [];
      for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
        const name = byId.get(at)?.callFrame.functionName ?? "";
        if (name !== ROOT) names.push(name);
      }
      if (names[0] === IDLE) continue;
      this.times[partOf(names)] += us / 1000;
      const region = names.find((name) => name.startsWith(REGION_PREFIX));
      if (region !== undefined && region === names[0]) {
        this.regionMs.set(region, (this.regionMs.get(region) ?? 0) + us / 1000);
      }
    }
  }
}

/** `names`: of the function that ran, its caller and so on. */
function partOf(names: readonly string[]): Part {
  const inCore = names.findIndex((name) => name.startsWith(CORE) || name.startsWith(REGION_PREFIX));
  const name = names[inCore];
  if (name === undefined) return "hostMs";
  if (name.startsWith("assembly/virtio/")) return "devicesMs";
  const isCompiler = name.startsWith("assembly/jit/") && !name.startsWith("assembly/jit/helpers/");
  // JavaScript on top of the core: V8 compiling a module, or a device.
  const fromJavaScript = names.slice(0, inCore).some((caller) => !caller.startsWith("~lib/"));
  if (isCompiler) return "compilerMs";
  if (fromJavaScript) return "devicesMs";
  if (name.startsWith(REGION_PREFIX)) return "compiledMs";
  return name.startsWith("assembly/hart/interpreter/") ? "interpreterMs" : "slowPathsMs";
}
