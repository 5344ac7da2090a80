/** A disk that is the program's own: an object that reads and writes it. */
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { VkrunError } from "../errors.js";
import type { DiskAnswer, DiskQuestion, EmbeddedDisk } from "../machine/disk-port.js";

type Result<Value> = Value | Promise<Value>;

/**
 * The content of a drive. Offsets and lengths are in bytes: multiples of 512, inside `size`, at most 1 MiB at a time. Calls may
 * overlap in time; what follows a call that has been answered sees what it did. What throws or rejects is an I/O error for the
 * guest, and a "disk-error" with the message.
 */
export interface DriveBackend {
  /** A multiple of 512. Does not change. */
  readonly size: number;
  /** Answers exactly `length` bytes, which it may go on using. */
  read(offset: number, length: number): Result<Uint8Array>;
  /** Without it the drive can only be read, or written with `snapshot`. The bytes are the backend's own from then on. */
  write?(offset: number, bytes: Uint8Array): Result<void>;
  /** Resolves when what was written is safe. Without it that is so at once. */
  flush?(): Result<void>;
  /** Nobody needs the range's content any more. Without it the guest does not tell. */
  discard?(offset: number, length: number): Result<void>;
}

/** Has the backend answer what the machine will ask of it. Throws when it is none. */
export function serveBackend(backend: DriveBackend): EmbeddedDisk {
  const { size } = backend;
  const whole = Number.isSafeInteger(size) && size > 0 && size % 512 === 0;
  if (whole && typeof backend.read === "function") {
    return { size, discards: typeof backend.discard === "function", port: answering(backend) };
  }
  throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", "a drive's backend has no size in whole sectors, or cannot be read", {
    hint: "It is an object with `size`, a multiple of 512, and `read(offset, length)`.",
  });
}

/** The end for the machine of a channel at whose other end the backend answers. */
function answering(backend: DriveBackend): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port1.on("message", async (question: DiskQuestion) => {
    const { id } = question;
    let answer: DiskAnswer;
    try {
      const bytes = await carryOut(backend, question);
      answer = { id, ...(bytes !== undefined && { bytes }) };
    } catch (error) {
      answer = { id, error: error instanceof Error ? error.message : String(error) };
    }
    port1.postMessage(answer);
  });
  // It is the vkernel that keeps the program alive.
  port1.unref();
  return port2;
}

async function carryOut(backend: DriveBackend, question: DiskQuestion): Promise<Uint8Array | undefined> {
  switch (question.type) {
    case "read": {
      const { offset, length } = question;
      const bytes = await backend.read(offset, length);
      if (!(bytes instanceof Uint8Array) || bytes.length !== length) {
        throw new Error(`the drive's backend was asked for ${length} bytes, and did not answer with as many`);
      }
      // Not the view itself: all of the memory below it would be copied along.
      return new Uint8Array(bytes);
    }
    case "write":
      await backend.write?.(question.offset, question.bytes);
      return undefined;
    case "flush":
      await backend.flush?.();
      return undefined;
    case "discard":
      await backend.discard?.(question.offset, question.length);
      return undefined;
  }
}
