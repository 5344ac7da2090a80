/** A disk whose content is the embedder's: requests go to its thread and answers come from there. */
import type { MessagePort } from "node:worker_threads";
import type { BlockBackend } from "../backends/block-backend.js";
import { gather, scatter, totalLength } from "../backends/scatter.js";
import { VkrunError } from "../errors.js";

/** What the embedder says of a disk, and the way there. */
export interface EmbeddedDisk {
  /** In bytes, a multiple of 512. */
  readonly size: number;
  /** It knows what to do with ranges that nobody needs any more. */
  readonly discards: boolean;
  /** Handed over to the vkernel's thread. */
  readonly port: MessagePort;
}

export type DiskOrder =
  | { readonly type: "read"; readonly offset: number; readonly length: number }
  | { readonly type: "write"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly type: "flush" }
  | { readonly type: "discard"; readonly offset: number; readonly length: number };

export type DiskQuestion = DiskOrder & { readonly id: number };

/** `bytes`: what was read. `error`: the message of what went wrong. */
export interface DiskAnswer {
  readonly id: number;
  readonly bytes?: Uint8Array;
  readonly error?: string;
}

/** What a guest asks for at once may be more than the host should have in messages. */
const PIECE_BYTES = 1 << 20;

interface Pending {
  resolve(answer: DiskAnswer): void;
  reject(error: Error): void;
}

export class DiskPort implements BlockBackend {
  readonly size: number;
  readonly readOnly: boolean;
  readonly discard?: (offset: number, length: number) => Promise<void>;
  readonly #port: MessagePort;
  readonly #pending = new Map<number, Pending>();
  #next = 0;

  constructor({ size, discards, port }: EmbeddedDisk, readOnly: boolean) {
    this.size = size;
    this.readOnly = readOnly;
    this.#port = port;
    if (discards) {
      this.discard = async (offset, length) => {
        await this.#ask({ type: "discard", offset, length });
      };
    }
    port.on("message", (answer: DiskAnswer) => {
      const pending = this.#pending.get(answer.id);
      this.#pending.delete(answer.id);
      if (answer.error === undefined) pending?.resolve(answer);
      else pending?.reject(new VkrunError("ERR_VKRUN_DRIVE_BACKEND", answer.error));
    });
  }

  async read(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    const total = totalLength(buffers);
    for (let at = 0; at < total; at += PIECE_BYTES) {
      const length = Math.min(PIECE_BYTES, total - at);
      const { bytes } = await this.#ask({ type: "read", offset: offset + at, length });
      if (bytes !== undefined) scatter(buffers, at, bytes);
    }
  }

  async write(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    const total = totalLength(buffers);
    for (let at = 0; at < total; at += PIECE_BYTES) {
      const bytes = new Uint8Array(Math.min(PIECE_BYTES, total - at));
      gather(buffers, at, bytes);
      await this.#ask({ type: "write", offset: offset + at, bytes }, [bytes.buffer]);
    }
  }

  async flush(): Promise<void> {
    await this.#ask({ type: "flush" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#port.close();
    for (const { reject } of this.#pending.values()) reject(new Error("the disk was closed"));
    this.#pending.clear();
  }

  #ask(order: DiskOrder, transfer: ArrayBuffer[] = []): Promise<DiskAnswer> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#port.postMessage({ ...order, id } satisfies DiskQuestion, transfer);
    });
  }
}
