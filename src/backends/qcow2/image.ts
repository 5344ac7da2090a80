// A disk in a qcow2 image, versions 2 and 3 (QEMU, docs/interop/qcow2.txt).
//
// Not supported: external data files, extended L2 entries, encryption. Images with internal snapshots or persistent bitmaps
// can be read; writing would have to keep those in step.

import { VkrunError } from "../../errors.js";
import type { BlockBackend, BlockGeometry } from "../block-backend.js";
import type { ByteFile } from "../byte-file.js";
import { totalLength } from "../scatter.js";
import { ClusterMap } from "./cluster-map.js";
import { HeaderField, Incompatible, parseHeader, type Qcow2Header } from "./header.js";
import { Qcow2Reader } from "./reader.js";
import { Refcounts } from "./refcounts.js";
import { recount } from "./repair.js";
import { Qcow2Writer } from "./writer.js";

/** As much of the first cluster as a header can take: the largest cluster. */
const HEAD_LENGTH = 2 << 20;

export interface Qcow2Options {
  /** The Qcow2Image closes it. */
  readonly file: ByteFile;
  readonly header: Qcow2Header;
  /** The disk that shows where the image has nothing; closed with the image. */
  readonly backing?: BlockBackend;
  /** Whether space that the guest discards is given back to the host. Default true. */
  readonly discards?: boolean;
}

interface Parts {
  readonly file: ByteFile;
  readonly header: Qcow2Header;
  readonly backing: BlockBackend | undefined;
  readonly reader: Qcow2Reader;
  readonly writer: Qcow2Writer | undefined;
}

/** The header of the image in `file`. */
export async function readQcow2Header(file: ByteFile): Promise<Qcow2Header> {
  const head = new Uint8Array(Math.min(HEAD_LENGTH, file.size));
  await file.read(0, [head]);
  return parseHeader(file.path, head);
}

export class Qcow2Image implements BlockBackend {
  readonly size: number;
  readonly readOnly: boolean;
  readonly geometry: BlockGeometry;
  readonly #file: ByteFile;
  readonly #backing: BlockBackend | undefined;
  readonly #reader: Qcow2Reader;
  readonly #writer: Qcow2Writer | undefined;
  #sealed = false;
  #closing: Promise<void> | undefined;

  private constructor({ file, header, backing, reader, writer }: Parts) {
    this.size = header.size;
    this.readOnly = writer === undefined;
    const cluster = 2 ** header.clusterBits;
    this.geometry = {
      physicalBlock: Math.min(file.blockSize, cluster),
      optimalTransfer: cluster,
      discardUnit: cluster,
    };
    this.#file = file;
    this.#backing = backing;
    this.#reader = reader;
    this.#writer = writer;
  }

  /** Opens it for writing unless the file was opened for reading only. */
  static async open({ file, header, backing, discards = true }: Qcow2Options): Promise<Qcow2Image> {
    if (!file.readOnly) refuseToWrite(file.path, header);
    const refcounts = file.readOnly ? undefined : await Refcounts.open(file, header);
    const map = await ClusterMap.open(file, header, refcounts);
    const reader = new Qcow2Reader(file, header, map, backing);
    if (refcounts === undefined) return new Qcow2Image({ file, header, backing, reader, writer: undefined });
    const punches = discards && file.allocates;
    const writer = new Qcow2Writer({ file, header, map, refcounts, reader, punches });
    if (header.dirty) {
      await recount(file, header, map, refcounts);
      await writer.flush();
    }
    if (header.version === 3 && (header.dirty || header.autoclear !== 0n)) await clearBits(file, header);
    return new Qcow2Image({ file, header, backing, reader, writer });
  }

  read(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    this.#check(offset, totalLength(buffers));
    return this.#reader.read(offset, buffers);
  }

  tryRead(offset: number, buffers: readonly Uint8Array[]): number {
    this.#check(offset, totalLength(buffers));
    return this.#reader.tryRead(offset, buffers);
  }

  async write(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    this.#check(offset, totalLength(buffers));
    await this.#writable.write(offset, buffers);
  }

  tryWrite(offset: number, buffers: readonly Uint8Array[]): boolean {
    this.#check(offset, totalLength(buffers));
    return this.#writable.tryWrite(offset, buffers);
  }

  async discard(offset: number, length: number): Promise<void> {
    this.#check(offset, length);
    await this.#writable.discard(offset, length);
  }

  async writeZeroes(offset: number, length: number, unmap: boolean): Promise<void> {
    this.#check(offset, length);
    await this.#writable.writeZeroes(offset, length, unmap);
  }

  async flush(): Promise<void> {
    if (!this.#sealed) await this.#writer?.flush();
  }

  /** Writes what there is to write; from then on the file stays as it is. Nothing else may write meanwhile, or afterwards. */
  async seal(): Promise<void> {
    if (!this.#sealed) await this.#writer?.close();
    this.#sealed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.seal();
    } finally {
      await this.#file[Symbol.asyncDispose]();
      await this.#backing?.[Symbol.asyncDispose]();
    }
  }

  get #writable(): Qcow2Writer {
    if (this.#writer !== undefined) return this.#writer;
    throw new VkrunError("ERR_VKRUN_IMAGE_READ_ONLY", `the disk image ${this.#file.path} was opened for reading only`);
  }

  #check(offset: number, length: number): void {
    if (offset >= 0 && offset + length <= this.size) return;
    throw new RangeError(`[${offset}, ${offset + length}) is not on a disk of ${this.size} bytes`);
  }
}

function refuseToWrite(path: string, header: Qcow2Header): void {
  if (header.corrupt) {
    throw new VkrunError("ERR_VKRUN_IMAGE_CORRUPT", `the disk image ${path} is marked as corrupt`, {
      hint: "Repair it with `qemu-img check -r all`, or use --snapshot to read what is left.",
    });
  }
  if (header.snapshots > 0) {
    throw new VkrunError("ERR_VKRUN_IMAGE_SNAPSHOTS", `the disk image ${path} has internal snapshots`, {
      hint: "vkrun does not write such images. Use --snapshot, or remove them: qemu-img snapshot -l and -d.",
    });
  }
  if (header.bitmaps) {
    throw new VkrunError("ERR_VKRUN_IMAGE_UNSUPPORTED", `the disk image ${path} has persistent bitmaps`, {
      hint: "vkrun would leave them out of date. Use --snapshot, or remove them: qemu-img bitmap --remove.",
    });
  }
}

/** The counts are right again; and what was kept in step by programs that know how to ("autoclear") no longer is. */
async function clearBits(file: ByteFile, header: Qcow2Header): Promise<void> {
  await file.flush();
  const bits = new DataView(new ArrayBuffer(8));
  const head = new Uint8Array(8);
  await file.read(HeaderField.INCOMPATIBLE, [head]);
  const incompatible = new DataView(head.buffer).getBigUint64(0) & ~BigInt(Incompatible.DIRTY);
  bits.setBigUint64(0, incompatible);
  await file.write(HeaderField.INCOMPATIBLE, [new Uint8Array(bits.buffer)]);
  if (header.autoclear !== 0n) await file.write(HeaderField.AUTOCLEAR, [new Uint8Array(8)]);
  await file.flush();
}
