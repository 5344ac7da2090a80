/**
 * Fetches a file of known size and SHA-256 over HTTP. What arrived stays in a `.part` file and is resumed from
 * (RFC 9110 section 14, Range); the file gets its name only once its hash is right, by rename.
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { VkrunError } from "../errors.js";
import { isNoSpace, noSpace } from "./disk-space.js";

export interface Download {
  /** Asked for only when there is something to fetch. */
  readonly url: () => Promise<string>;
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

export interface DownloadOptions {
  signal?: AbortSignal | undefined;
  onProgress?: (receivedBytes: number) => void;
}

const ATTEMPTS = 4;
const RETRY_MS = 500;
/** A connection that delivers nothing for this long is given up, and resumed on a new one. */
const STALL_MS = 30_000;

/** Resolves when `path` holds the file. Does nothing when it does already. */
export async function download(wanted: Download, options: DownloadOptions = {}): Promise<void> {
  if (await isComplete(wanted)) {
    options.onProgress?.(wanted.size);
    return;
  }
  const url = await wanted.url();
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetchOnce(wanted, url, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof VkrunError) throw error;
      if (isNoSpace(error)) {
        await rm(partPath(wanted), { force: true });
        throw noSpace(error);
      }
      if (attempt === ATTEMPTS) throw unreachable(url, error);
    }
    await delay(RETRY_MS * 2 ** (attempt - 1), undefined, options.signal ? { signal: options.signal } : {});
  }
}

/** The body of a small text or binary file whose hash nobody knows beforehand; undefined when there is none. */
export async function fetchWhole(url: string, signal?: AbortSignal): Promise<Buffer | undefined> {
  try {
    const response = await request(url, {}, signal);
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(url, error);
  }
}

async function fetchOnce(wanted: Download, url: string, options: DownloadOptions): Promise<void> {
  const part = partPath(wanted);
  const hash = createHash("sha256");
  let received = await hashExisting(part, wanted.size, hash);
  const resumedFrom = received;
  if (received < wanted.size) {
    const stall = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, stall.signal]) : stall.signal;
    const response = await request(url, received > 0 ? { Range: `bytes=${received}-` } : {}, signal);
    if (response.status === 416 || (received > 0 && response.status === 200)) {
      // The server cannot continue where we stopped: begin anew.
      await response.body?.cancel();
      await rm(part, { force: true });
      if (response.status === 416) throw new Error("HTTP status 416");
      return fetchOnce(wanted, url, options);
    }
    if (response.status === 404) throw gone(url);
    if (!response.ok || response.body === null) throw new Error(`HTTP status ${response.status}`);
    const announced = response.headers.get("content-length");
    if (announced !== null && received + Number(announced) !== wanted.size) {
      await response.body.cancel();
      await rm(part, { force: true });
      throw mismatch(url, `it has ${received + Number(announced)} bytes, expected ${wanted.size}`);
    }
    const file = await open(part, "a");
    let timer = setTimeout(() => stall.abort(), STALL_MS);
    try {
      for await (const chunk of response.body) {
        clearTimeout(timer);
        received += chunk.length;
        // A server that sends more than the lock file says cannot fill the disk.
        if (received > wanted.size) break;
        hash.update(chunk);
        await writeAll(file, chunk);
        options.onProgress?.(received);
        timer = setTimeout(() => stall.abort(), STALL_MS);
      }
      await file.datasync();
    } finally {
      clearTimeout(timer);
      await file.close();
    }
    if (received < wanted.size) throw new Error(`the connection ended after ${received} of ${wanted.size} bytes`);
  }
  const actual = hash.digest("hex");
  if (received !== wanted.size || actual !== wanted.sha256) {
    await rm(part, { force: true });
    // The part may have been damaged, or have been another server's: only a whole fetch is conclusive.
    if (resumedFrom > 0) return fetchOnce(wanted, url, options);
    throw mismatch(url, `SHA-256 ${actual}, expected ${wanted.sha256}`);
  }
  await rename(part, wanted.path);
}

async function isComplete({ path, size, sha256 }: Download): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  if (stats?.size !== size) return false;
  const hash = createHash("sha256");
  await hashExisting(path, size, hash);
  return hash.digest("hex") === sha256;
}

/** Feeds what is at `path` to `hash` and returns its length; a file longer than `limit` is removed. */
async function hashExisting(path: string, limit: number, hash: Hash): Promise<number> {
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined) return 0;
  if (stats.size > limit) {
    await rm(path);
    return 0;
  }
  if (stats.size === 0) return 0;
  for await (const chunk of createReadStream(path, { end: stats.size - 1 })) hash.update(chunk as Buffer);
  return stats.size;
}

async function request(url: string, headers: Record<string, string>, signal?: AbortSignal): Promise<Response> {
  try {
    // Identity: a transparently compressed body would not be the file that was hashed.
    return await fetch(url, {
      headers: { "Accept-Encoding": "identity", ...headers },
      redirect: "follow",
      ...(signal && { signal }),
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw (error as Error).cause ?? error;
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
}

function partPath({ path }: Download): string {
  return `${path}.part`;
}

function mismatch(url: string, how: string): VkrunError {
  return new VkrunError("ERR_VKRUN_HASH_MISMATCH", `${url} is not the file that the lock file names: ${how}`, {
    hint: "The mirror or the way to it changed the file. Try another mirror with --mirror URL.",
  });
}

function gone(url: string): VkrunError {
  return new VkrunError("ERR_VKRUN_PACKAGE_GONE", `the mirror has no ${url}`, {
    hint: "Debian has replaced that version. Pin the current ones with: vkrun image lock NAME",
  });
}

function unreachable(url: string, cause: unknown): VkrunError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new VkrunError("ERR_VKRUN_MIRROR_UNREACHABLE", `cannot fetch ${url}: ${why}`, {
    hint: "Check the network, or name another mirror with --mirror URL. What has arrived is kept and resumed from.",
    cause,
  });
}
