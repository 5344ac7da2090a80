/**
 * The threads that vkernels run on. One of Node's takes longer to start than a guest to go on from a checkpoint, so it can be started
 * before it is known what it is for.
 */
import { Worker } from "node:worker_threads";
import { VkrunError } from "../errors.js";
import type { FromWorker, ToWorker, WorkerStart } from "../machine/protocol.js";
import { Core } from "../wasm/core.js";

const prepared: Worker[] = [];

function startThread(): Worker {
  return new Worker(new URL("../machine/worker.js", import.meta.url), {
    name: "vkernel",
    // The caller's own flags (a test runner's, a loader's) are not the guest's.
    execArgv: [],
  });
}

/**
 * Starts a thread for the next vkernel of this process; resolves when it waits for one. Until then it does not keep the process
 * alive.
 */
export async function prepareThread(): Promise<void> {
  const worker = startThread();
  prepared.push(worker);
  worker.unref();
  const ready = new Promise<void>((resolve, reject) => {
    const failed = (cause?: unknown): void => {
      const index = prepared.indexOf(worker);
      // Once a vkernel runs on it, its failures are that one's.
      if (index === -1) {
        resolve();
        return;
      }
      prepared.splice(index, 1);
      reject(new VkrunError("ERR_VKRUN_INTERNAL", "a thread for a vkernel could not be started", { cause }));
    };
    worker.once("message", (message: FromWorker) => message.type === "ready" && resolve());
    worker.once("error", failed);
    worker.once("exit", failed);
  });
  await Promise.all([ready, Core.load()]);
}

/** A thread on which that vkernel begins: one that was prepared, or a new one. */
export function takeThread(start: WorkerStart): Worker {
  const worker = prepared.shift() ?? startThread();
  worker.ref();
  const { drives } = start.config;
  const ports = drives.flatMap(({ embedded }) => (embedded === undefined ? [] : [embedded.port]));
  worker.postMessage({ type: "begin", start } satisfies ToWorker, ports);
  return worker;
}
