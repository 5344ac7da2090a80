/**
 * A child of `vkrun bench` that knows one form of the hot paths alone, as a vkernel does: in a process of both, V8 would have to
 * compile each call for two targets. The parent asks the two in turn, so that what disturbs one disturbs the other.
 */
import { getHeapStatistics } from "node:v8";
import { measure } from "mitata";
import type { HotPathCase, Prepared } from "./cases/case.js";
import { caseOf, RAM_BYTES } from "./cases/index.js";
import { createWorkbench, FORMS } from "./forms.js";
import type { Answer, Question } from "./side-protocol.js";

/** A sample is at least so long: the clock has to be nothing beside it. */
const SAMPLE_NS = 40_000;
const ALLOCATION_TRIES = 3;

const form = FORMS.find((one) => one === process.argv[2]);
if (form === undefined || process.send === undefined) throw new Error("side.ts is a child of vkrun bench");
const answer = (message: Answer): void => void process.send?.(message);

const bench = await createWorkbench(form, RAM_BYTES);
let current: { readonly case: HotPathCase; readonly prepared: Prepared; calls: number } | undefined;

async function prepare(id: string, warmUpMs: number): Promise<string> {
  const found = caseOf(id);
  const prepared = found.prepare(bench);
  const result = prepared.run();
  const check = `${result} ${prepared.digest?.() ?? ""}`;
  current = { case: found, prepared, calls: 1 };
  const end = performance.now() + warmUpMs;
  let calls = 0;
  const start = performance.now();
  // In the loop that is timed later: V8 compiles it with what it calls.
  do {
    callMany(prepared, 1);
    calls++;
  } while (performance.now() < end);
  current.calls = Math.max(1, Math.ceil((SAMPLE_NS * calls) / ((performance.now() - start) * 1e6)));
  return check;
}

function callMany(prepared: Prepared, calls: number): number {
  let sum = 0;
  for (let call = 0; call < calls; call++) sum += prepared.run();
  return sum;
}

async function sample(ms: number): Promise<number[]> {
  const { prepared, calls, case: measured } = laidOut();
  const { samples } = await measure(() => callMany(prepared, calls), {
    min_cpu_time: ms * 1e6,
    min_samples: 5,
    // Calls are bundled here, by what they take.
    batch_threshold: 0,
    warmup_samples: 0,
    gc: false,
  });
  return samples.map((ns) => ns / (calls * measured.operations));
}

/** The least of several tries: what V8 itself allocates, for code that it has just compiled, is not the case's. */
function allocation(): number {
  const { prepared, calls, case: measured } = laidOut();
  const tries = Array.from({ length: ALLOCATION_TRIES }, () => allocatedBy(prepared, calls));
  const bytes = Math.min(...tries.filter((found) => found >= 0));
  return Number.isFinite(bytes) ? bytes / (calls * measured.operations) : 0;
}

/** Bytes; fewer than none when V8 has collected in between. */
function allocatedBy(prepared: Prepared, calls: number): number {
  globalThis.gc?.();
  // The statistics are objects, too: what they take is taken off.
  const empty = usedHeap();
  const before = usedHeap();
  callMany(prepared, calls);
  return usedHeap() - before - (before - empty);
}

function usedHeap(): number {
  return getHeapStatistics().used_heap_size;
}

function cold(id: string, calls: number): number[] {
  const { run } = caseOf(id).prepare(bench);
  const times = new Float64Array(calls + 1);
  times[0] = performance.now();
  for (let call = 1; call <= calls; call++) {
    run();
    times[call] = performance.now();
  }
  return Array.from({ length: calls }, (_, call) => 1e6 * ((times[call + 1] as number) - (times[call] as number)));
}

function laidOut(): NonNullable<typeof current> {
  if (current === undefined) throw new Error("no case is laid out");
  return current;
}

function answerTo(question: Question): unknown {
  switch (question.kind) {
    case "prepare":
      return prepare(question.id, question.warmUpMs);
    case "sample":
      return sample(question.ms);
    case "allocation":
      return allocation();
    case "cold":
      return cold(question.id, question.calls);
  }
}

process.on("message", async (question: Question) => {
  try {
    answer({ value: await answerTo(question) });
  } catch (error) {
    answer({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
// Ctrl-C reaches all processes of the terminal: the parent ends this one when it has what it needs.
process.on("SIGINT", () => undefined);
process.on("disconnect", () => process.exit());
answer({ ready: true });
