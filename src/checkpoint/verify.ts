/** Reads all of a checkpoint and says what is not as it was written. */
import { VkrunError } from "../errors.js";
import { native } from "../native.js";
import { Bitmap } from "./bitmap.js";
import { damaged, readError } from "./checkpoint-error.js";
import { CheckpointPart } from "./checkpoint-part.js";
import { FRAME_PAGES, readFrames, readFrameTable } from "./compressed-ram.js";
import { crc32c } from "./crc32c.js";
import { type Extent, HEADER_BYTES } from "./header.js";
import { parentsOf } from "./parents.js";

export interface Damage {
  readonly path: string;
  /** What is damaged: "pages", "region NAME", "table of checksums", "unused space"; or "file" when it cannot even be opened. */
  readonly section: string;
  /** Of "pages": a run of guest pages. */
  readonly pages?: { readonly first: number; readonly count: number };
  readonly message: string;
}

/** 16 MiB: how often there is progress to be told. */
const STEP_PAGES = 4096;
/** A file that is damaged all over is not listed page by page. */
const MAX_DAMAGE = 1000;

export interface VerifyOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
}

/** The file and all that it stands on, as far as that can be opened. `path` is absolute. */
export async function verifyFile(path: string, options: VerifyOptions = {}): Promise<Damage[]> {
  const found: Damage[] = [];
  const chain: CheckpointPart[] = [];
  try {
    await noting(found, path, "file", async () => {
      const top = await CheckpointPart.open(path);
      chain.push(top);
      for await (const parent of parentsOf(top)) chain.unshift(parent);
    });
    found.push(...(await verifyChain(chain, options)));
    return found;
  } finally {
    for (const part of chain) await part[Symbol.asyncDispose]();
  }
}

/** Base first. */
export async function verifyChain(
  chain: readonly CheckpointPart[],
  { signal, onProgress }: VerifyOptions = {},
): Promise<Damage[]> {
  const found: Damage[] = [];
  const total = chain.reduce((sum, { bytes }) => sum + bytes, 0);
  let before = 0;
  for (const part of chain) {
    await verifyPart(part, found, (share) => {
      signal?.throwIfAborted();
      onProgress?.(before + Math.round(share * part.bytes), total);
    });
    before += part.bytes;
  }
  onProgress?.(total, total);
  return found.slice(0, MAX_DAMAGE);
}

/** Damage is noted; whatever else goes wrong ends the verification. */
async function noting(found: Damage[], path: string, section: string, task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (error) {
    if (!(error instanceof VkrunError) || error.code === "ERR_VKRUN_ADDON_MISSING") throw error;
    found.push({ path, section, message: error.message });
  }
}

/** `onProgress` is told what share of the file's RAM is behind it. */
async function verifyPart(part: CheckpointPart, found: Damage[], onProgress: (share: number) => void): Promise<void> {
  const { path } = part;
  const attempt = (section: string, task: () => Promise<void>): Promise<void> => noting(found, path, section, task);
  await attempt("table of checksums", async () => {
    const crcs = await part.readPageCrcs();
    const bad = part.header.compressed
      ? await badCompressedPages(part, crcs, onProgress)
      : await badPages(part, crcs, onProgress);
    for (const [first, count] of bad.runs()) {
      if (found.length >= MAX_DAMAGE) break;
      const which = count === 1 ? `page ${first}` : `pages ${first} to ${first + count - 1}`;
      const { message } = damaged(path, `${which} of RAM`);
      found.push({ path, section: "pages", message, pages: { first, count } });
    }
  });
  for (const name of part.regions.keys()) {
    await attempt(`region ${name}`, async () => {
      for await (const _ of part.readRegion(name));
    });
  }
  await attempt("unused space", () => checkGaps(part));
}

async function badPages(part: CheckpointPart, crcs: Uint8Array, onProgress: (share: number) => void): Promise<Bitmap> {
  const bad = new Bitmap(part.present.length);
  for (let first = 0; first < bad.length; first += STEP_PAGES) {
    const pages = Math.min(STEP_PAGES, bad.length - first);
    try {
      await native().checkGuestPages({
        ...{ fd: part.handle.fd, dataOffset: part.header.dataOffset, first, pages },
        ...{ present: part.present.bytes, crcs, badOut: bad.bytes },
      });
    } catch (error) {
      throw readError(part.path, error);
    }
    onProgress((first + pages) / bad.length);
  }
  return bad;
}

async function badCompressedPages(
  part: CheckpointPart,
  crcs: Uint8Array,
  onProgress: (share: number) => void,
): Promise<Bitmap> {
  const bad = new Bitmap(part.present.length);
  const view = new DataView(crcs.buffer, crcs.byteOffset, crcs.byteLength);
  await readFrames(
    part,
    part.present,
    (page, bytes) => {
      if (crc32c(bytes) !== view.getUint32(page * 4, true)) bad.add(page);
      if (page % FRAME_PAGES === 0) onProgress(page / bad.length);
    },
    (pages) => {
      for (const page of pages) bad.add(page);
    },
  );
  return bad;
}

/** What nothing lies in is zero: a file has no place for anything that no checksum covers. */
async function checkGaps(part: CheckpointPart): Promise<void> {
  const { header } = part;
  const ram = header.compressed ? await readFrameTable(part) : [{ offset: header.dataOffset, length: header.ramBytes }];
  const used: Pick<Extent, "offset" | "length">[] = [
    ...[{ offset: 0, length: HEADER_BYTES }, header.present, header.zero, header.pageCrcs, header.manifest],
    ...[header.frames, ...ram, ...part.regions.values()],
  ];
  used.sort((one, other) => one.offset - other.offset);
  let at = 0;
  for (const { offset, length } of [...used, { offset: part.bytes, length: 0 }]) {
    if (offset > at) await checkZero(part, at, offset);
    at = Math.max(at, offset + length);
  }
}

async function checkZero(part: CheckpointPart, begin: number, end: number): Promise<void> {
  let zeroes: number;
  try {
    zeroes = await native().zeroesIn({ fd: part.handle.fd, offset: begin, length: end - begin });
  } catch (error) {
    throw readError(part.path, error);
  }
  if (zeroes < end - begin) throw damaged(part.path, `something lies at ${begin + zeroes}, where nothing should`);
}
