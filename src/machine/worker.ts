/** The vkernel's own thread: an event loop that belongs to the guest alone. Talks protocol.ts with the caller's thread. */
import { parentPort } from "node:worker_threads";
import type { CheckpointProgress, CheckpointRequest } from "./checkpoint-request.js";
import { encodeError } from "./error-wire.js";
import { FrameCredit } from "./frame-credit.js";
import { portMtu } from "./network.js";
import { EmbedderPort } from "./network-port.js";
import type { FromWorker, Requests, ToWorker, WorkerStart } from "./protocol.js";
import { Supervisor, type SupervisorEvents } from "./supervisor.js";

if (parentPort === null) throw new Error("worker.ts runs in a worker thread");
const port = parentPort;

const post = (message: FromWorker, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);

/** From here on this thread is that of one vkernel; answers what takes its messages. */
function begin({ config, module, frames, thaw }: WorkerStart): (message: ToWorker) => void {
  const network =
    frames &&
    new EmbedderPort({
      post: (frame) => post({ type: "frame", frame }, [frame.buffer as ArrayBuffer]),
      fromGuest: new FrameCredit(frames.fromGuest),
      toGuest: new FrameCredit(frames.toGuest),
      mtu: portMtu(config.network),
    });

  const events: SupervisorEvents = {
    started: () => post({ type: "started" }),
    console: (bytes) => post({ type: "console", bytes }, [bytes.buffer as ArrayBuffer]),
    consumed: (bytes) => post({ type: "consumed", bytes }),
    portOutput: (index, bytes) => post({ type: "port", port: index, bytes }, [bytes.buffer as ArrayBuffer]),
    portConsumed: (index, bytes) => post({ type: "portConsumed", port: index, bytes }),
    reset: (count) => post({ type: "reset", count }),
    jitStats: (stats) => post({ type: "jitStats", stats }),
    diskError: (error) => post({ type: "diskError", error }),
    log: (level, message, fields) => post({ type: "log", level, message, ...(fields && { fields }) }),
  };
  const supervisor = new Supervisor({ config, module, events, network, thaw });
  /** Checkpoints asked for, by the number of the request. */
  const checkpoints = new Map<number, AbortController>();

  function answer(what: keyof Requests): unknown {
    switch (what) {
      case "memoryHash":
        return supervisor.memoryHash();
      case "stats":
        return supervisor.stats();
      case "memoryStats":
        return supervisor.memoryStats();
      case "vmspaces":
        return supervisor.vmspaces();
      case "pause":
        supervisor.pause();
        return null;
      case "resume":
        supervisor.resume();
        return null;
    }
  }

  async function checkpoint(id: number, request: CheckpointRequest): Promise<unknown> {
    const controller = new AbortController();
    checkpoints.set(id, controller);
    try {
      const onProgress = (progress: CheckpointProgress): void => post({ type: "checkpointProgress", id, progress });
      return await supervisor.checkpoint({ request, onProgress, signal: controller.signal });
    } finally {
      checkpoints.delete(id);
    }
  }

  async function reply(id: number, value: () => unknown): Promise<void> {
    try {
      post({ type: "reply", id, value: await value() });
    } catch (error) {
      post({ type: "replyError", id, error: encodeError(error) });
    }
  }

  void run(supervisor);
  return (message) => {
    switch (message.type) {
      case "begin":
        return;
      case "input":
        supervisor.input(message.bytes);
        return;
      case "acknowledge":
        supervisor.acknowledge(message.bytes);
        return;
      case "portInput":
        supervisor.portInput(message.port, message.bytes);
        return;
      case "portAcknowledge":
        supervisor.portAcknowledge(message.port, message.bytes);
        return;
      case "frame":
        network?.arrived(message.frame);
        return;
      case "resize":
        supervisor.resize(message.columns, message.rows, message.port);
        return;
      case "memoryTarget":
        supervisor.setMemoryTarget(message.bytes);
        return;
      case "stop":
        supervisor.stop();
        return;
      case "request":
        void reply(message.id, () => answer(message.what));
        return;
      case "checkpoint":
        void reply(message.id, () => checkpoint(message.id, message.request));
        return;
      case "abortCheckpoint":
        checkpoints.get(message.id)?.abort();
    }
  };
}

async function run(supervisor: Supervisor): Promise<void> {
  try {
    post({ type: "exit", exit: await supervisor.run() });
  } catch (error) {
    post({ type: "error", error: encodeError(error) });
  } finally {
    // Nothing keeps the thread alive any more.
    port.close();
  }
}

let onMessage: ((message: ToWorker) => void) | undefined;
port.on("message", (message: ToWorker) => {
  if (onMessage !== undefined) onMessage(message);
  else if (message.type === "begin") onMessage = begin(message.start);
});
post({ type: "ready" });
