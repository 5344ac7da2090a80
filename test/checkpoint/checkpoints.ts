/** Guests whose RAM is known, and checkpoints of them, in a folder of their own. */
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CheckpointFile } from "../../src/checkpoint/checkpoint-file.js";
import type { ManifestContents } from "../../src/checkpoint/manifest.js";
import { CheckpointWriter } from "../../src/checkpoint/writer.js";

export const PAGE = 4096;

export class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "vkrun-checkpoint-"));

  file(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

/** Memory that files can be mapped over: it begins with a page of the host's. */
export function guestRam(pages: number): Uint8Array {
  const units = Math.ceil((pages * PAGE) / 65536);
  const memory = new WebAssembly.Memory({ initial: units, maximum: units, shared: true });
  return new Uint8Array(memory.buffer, 0, pages * PAGE);
}

export function newId(): Uint8Array {
  return Buffer.from(randomUUID().replaceAll("-", ""), "hex");
}

export function contents(extra: Partial<ManifestContents> = {}): ManifestContents {
  return {
    ...{ name: "guest", created: "2026-01-02T03:04:05.000Z", vkrun: "0.0.0" },
    ...{ config: { ram: 1 }, hart: { pc: 2n ** 64n - 1n, x: [0, 1] }, clock: { instructions: 2 ** 40 } },
    ...{ devices: { vda: { version: 1 } }, console: null, disks: [], entropy: Uint8Array.of(1, 2), vmspaces: {} },
    ...extra,
  };
}

/** A bitmap of `pages` pages with those that are listed, or with all. */
export function bitmap(pages: number, listed?: Iterable<number>): Uint8Array {
  const bits = new Uint8Array(Math.ceil(pages / 8));
  for (const page of listed ?? Array(pages).keys()) bits[page >> 3] = (bits[page >> 3] ?? 0) | (1 << (page & 7));
  return bits;
}

export interface Written {
  readonly path: string;
  readonly id: Uint8Array;
}

/** Writes `ram`; with `changed`, only those pages. */
export async function writeCheckpoint(options: {
  path: string;
  ram: Uint8Array;
  parent?: Written;
  changed?: Iterable<number>;
  contents?: ManifestContents;
  regions?: Readonly<Record<string, Uint8Array>>;
}): Promise<Written> {
  const { path, ram, parent, changed, regions = {} } = options;
  const id = newId();
  await using writer = await CheckpointWriter.create({ path, ramBytes: ram.length, id, parent });
  const pages = ram.length / PAGE;
  await writer.writePages({ ram, first: 0, pages, wanted: bitmap(pages, changed) });
  for (const [name, bytes] of Object.entries(regions)) await writer.addRegion(name, [bytes]);
  await writer.finish(options.contents ?? contents());
  return { path, id };
}

/** What a guest that goes on from the file would have as its RAM. */
export async function thawedRam(path: string): Promise<Uint8Array> {
  await using file = await CheckpointFile.open(path);
  const ram = guestRam(file.ramBytes / PAGE);
  ram.fill(0xee);
  await file.mapRam(ram);
  return ram;
}

/** A page that is like no other. */
export function fillPage(ram: Uint8Array, page: number, seed: number): void {
  const words = new Uint32Array(ram.buffer, ram.byteOffset + page * PAGE, PAGE / 4);
  for (let index = 0; index < words.length; index++) words[index] = Math.imul(seed + index + 1, 0x9e3779b1);
}

export async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}
