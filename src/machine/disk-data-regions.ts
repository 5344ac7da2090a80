/** What a checkpoint holds of disks, in regions of its file: one for each piece, named by where in the data it begins. */
import type { DiskDataSink, DiskDataSource } from "../backends/disk-data.js";
import { scatter, slices, totalLength } from "../backends/scatter.js";
import type { CheckpointFile } from "../checkpoint/checkpoint-file.js";
import type { CheckpointWriter } from "../checkpoint/writer.js";
import { VkrunError } from "../errors.js";

const PREFIX = "disk:";
/** Pieces that stay in memory after they were read and checked. */
const KEPT = 8;

export class DiskDataWriter implements DiskDataSink {
  readonly #writer: CheckpointWriter;
  #end = 0;

  constructor(writer: CheckpointWriter) {
    this.#writer = writer;
  }

  async appendData(buffers: readonly Uint8Array[]): Promise<number> {
    const offset = this.#end;
    this.#end += totalLength(buffers);
    await this.#writer.addRegion(PREFIX + offset, buffers);
    return offset;
  }
}

interface Piece {
  readonly offset: number;
  readonly length: number;
}

export class DiskDataReader implements DiskDataSource {
  readonly #file: CheckpointFile;
  /** In order. */
  readonly #pieces: readonly Piece[];
  readonly #kept = new Map<number, Promise<Uint8Array>>();

  constructor(file: CheckpointFile) {
    this.#file = file;
    this.#pieces = [...file.top.regions]
      .filter(([name]) => name.startsWith(PREFIX))
      .map(([name, { length }]) => ({ offset: Number(name.slice(PREFIX.length)), length }))
      .sort((a, b) => a.offset - b.offset);
  }

  async readData(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    const length = totalLength(buffers);
    for (let done = 0; done < length; ) {
      const at = offset + done;
      const piece = this.#pieces.findLast((piece) => piece.offset <= at);
      if (piece === undefined || at >= piece.offset + piece.length) throw missing(this.#file.path);
      const bytes = await this.#bytes(piece);
      const part = bytes.subarray(at - piece.offset, at - piece.offset + length - done);
      scatter(slices(buffers, done, part.length), 0, part);
      done += part.length;
    }
  }

  tryReadData(): number {
    return 0;
  }

  #bytes(piece: Piece): Promise<Uint8Array> {
    const kept = this.#kept.get(piece.offset);
    if (kept !== undefined) return kept;
    const bytes = this.#read(piece);
    this.#kept.set(piece.offset, bytes);
    bytes.catch(() => this.#kept.delete(piece.offset));
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT && oldest !== undefined) this.#kept.delete(oldest);
    return bytes;
  }

  async #read({ offset, length }: Piece): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let filled = 0;
    for await (const chunk of this.#file.readRegion(PREFIX + offset)) {
      bytes.set(chunk, filled);
      filled += chunk.length;
    }
    return bytes;
  }
}

function missing(path: string): VkrunError {
  return new VkrunError("ERR_VKRUN_CHECKPOINT_INVALID", `the checkpoint ${path} lacks a part of a disk that it names`, {
    hint: "It is damaged, or was made by an incompatible version of vkrun.",
  });
}
