/** Puts the RAM of a chain of checkpoints behind a guest's RAM. */
import { VkrunError } from "../errors.js";
import { native } from "../native.js";
import { Bitmap } from "./bitmap.js";
import { readError } from "./checkpoint-error.js";
import type { CheckpointPart } from "./checkpoint-part.js";
import { readFrames } from "./compressed-ram.js";
import { PAGE_BYTES } from "./header.js";

/**
 * Each run of pages out of another file is a mapping, of which a process may have 65530 (vm.max_map_count), and a child that was
 * written under a busy guest has as many as it likes. What is more is read in.
 */
const MAX_MAPPINGS = 8192;

/** A run of pages, all from one file. */
interface Run {
  readonly part: CheckpointPart;
  readonly first: number;
  readonly count: number;
}

export async function mapChain(chain: readonly CheckpointPart[], ram: Uint8Array): Promise<void> {
  const addon = native();
  const [base] = chain;
  if (base === undefined) return;
  if (ram.length !== base.ramBytes) {
    throw new VkrunError(
      "ERR_VKRUN_CHECKPOINT_RAM_SIZE",
      `the checkpoint ${base.path} has ${base.ramBytes} bytes of RAM, the machine ${ram.length}`,
    );
  }
  const unit = addon.pageSize / PAGE_BYTES;
  const mappable = (part: CheckpointPart): boolean =>
    !part.header.compressed && part.header.dataOffset % addon.pageSize === 0;
  const mapped: Run[] = [];
  const read = new Map<CheckpointPart, Bitmap>();
  const readIn = ({ part, first, count }: Run): void => {
    let pages = read.get(part);
    if (pages === undefined) {
      pages = new Bitmap(ram.length / PAGE_BYTES);
      read.set(part, pages);
    }
    for (let page = first; page < first + count; page++) pages.add(page);
  };

  // Holes of a child are zero pages, so that those that became zero can be mapped like the others.
  const ofBase = new Bitmap(ram.length / PAGE_BYTES).complement();
  for (const run of overlays(chain)) {
    for (let page = run.first; page < run.first + run.count; page++) ofBase.delete(page);
    const begin = Math.ceil(run.first / unit) * unit;
    const end = Math.floor((run.first + run.count) / unit) * unit;
    if (!mappable(run.part) || end <= begin) {
      readIn(run);
      continue;
    }
    mapped.push({ part: run.part, first: begin, count: end - begin });
    if (begin > run.first) readIn({ part: run.part, first: run.first, count: begin - run.first });
    if (run.first + run.count > end) readIn({ part: run.part, first: end, count: run.first + run.count - end });
  }
  if (mapped.length > MAX_MAPPINGS) {
    mapped.sort((one, other) => other.count - one.count);
    for (const run of mapped.splice(MAX_MAPPINGS)) readIn(run);
  }

  if (mappable(base)) map(base, ram, 0, ram.length / PAGE_BYTES);
  else {
    addon.mapAnonymous({ bytes: ram });
    // Nothing else: those of its children are in place by then, or about to be.
    for (const [first, count] of ofBase.runs()) readIn({ part: base, first, count });
  }
  for (const { part, first, count } of mapped) map(part, ram, first, count);
  for (const [part, pages] of read) await readPages(part, pages, ram);
}

function map({ handle, header, path }: CheckpointPart, ram: Uint8Array, first: number, count: number): void {
  const bytes = ram.subarray(first * PAGE_BYTES, (first + count) * PAGE_BYTES);
  try {
    native().mapFile({ bytes, fd: handle.fd, offset: header.dataOffset + first * PAGE_BYTES, shared: false });
  } catch (error) {
    throw readError(path, error);
  }
}

/** Of `pages`, those that this file has; the others that are zero by it are made so. */
async function readPages(part: CheckpointPart, pages: Bitmap, ram: Uint8Array): Promise<void> {
  const present = pages.copy();
  present.intersect(part.present);
  pages.subtract(part.present);
  pages.intersect(part.zero);
  for (const [first, count] of pages.runs()) ram.fill(0, first * PAGE_BYTES, (first + count) * PAGE_BYTES);
  if (part.header.compressed) {
    await readFrames(part, present, (page, bytes) => ram.set(bytes, page * PAGE_BYTES));
    return;
  }
  try {
    await native().readGuestPages({
      ...{ fd: part.handle.fd, dataOffset: part.header.dataOffset, ram, ramPage: 0 },
      ...{ first: 0, pages: present.length, wanted: present.bytes },
    });
  } catch (error) {
    throw readError(part.path, error);
  }
}

/** The runs of pages that do not come from the base, by the file that said last what is in them. */
function* overlays(chain: readonly CheckpointPart[]): Generator<Run> {
  const base = chain[0];
  if (base === undefined || chain.length === 1) return;
  const later = new Bitmap(base.ramBytes / PAGE_BYTES);
  for (const part of chain.slice(1).reverse()) {
    const own = part.present.copy();
    own.union(part.zero);
    own.subtract(later);
    later.union(own);
    for (const [first, count] of own.runs()) yield { part, first, count };
  }
}
