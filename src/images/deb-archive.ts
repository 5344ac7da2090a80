/**
 * Binary packages, deb(5): an ar archive of `debian-binary`, `control.tar.*` and `data.tar.*`.
 * Reads them without dpkg and without root: ownership and modes are reported, not applied.
 */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { Decompress } from "fzstd";
import { Parser, type ReadEntry } from "tar";
import { VkrunError } from "../errors.js";
import { xzDecompress } from "./host-tools.js";

export type DebEntryType = "file" | "directory" | "symlink" | "hardlink";

/** An entry of one of the two tarballs. */
export interface DebEntry {
  readonly type: DebEntryType;
  /** Absolute, without `.` or `..`, and without a trailing slash; the root is "/". */
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly size: number;
  /** Of a symbolic link: its text. Of a hard link: the other file's path, absolute. */
  readonly target: string;
}

/** Receives a file's bytes; `end` follows the last of them. */
export interface FileSink {
  write(chunk: Uint8Array): void;
  end(): void;
}

/** Called for each entry in order; for a file it may return a sink for its bytes. */
export type DebVisitor = (entry: DebEntry) => FileSink | undefined;

interface Member {
  name: string;
  offset: number;
  size: number;
}

const AR_MAGIC = "!<arch>\n";
const AR_HEADER_BYTES = 60;
/** deb(5) knows three members; tools add a few. Anything longer is not a package. */
const MAX_MEMBERS = 16;

/** Visits every entry of `part` ("control" or "data") of the package at `path`. */
export async function visitDeb(
  path: string,
  part: "control" | "data",
  visit: DebVisitor,
  signal?: AbortSignal,
): Promise<void> {
  const members = await readMembers(path);
  const member = members.find(({ name }) => name === `${part}.tar` || name.startsWith(`${part}.tar.`));
  if (member === undefined) throw invalid(path, `it has no ${part}.tar`);
  const raw =
    member.size === 0
      ? Readable.from([])
      : createReadStream(path, { start: member.offset, end: member.offset + member.size - 1 });
  const stream = decompressed(raw, member.name, path, signal);
  await visitTar(stream, path, visit, signal);
}

async function readMembers(path: string): Promise<Member[]> {
  const file = await open(path, "r");
  try {
    const { size: fileBytes } = await file.stat();
    const header = Buffer.alloc(AR_HEADER_BYTES);
    await file.read(header, 0, AR_MAGIC.length, 0);
    if (header.toString("latin1", 0, AR_MAGIC.length) !== AR_MAGIC) throw invalid(path, "it is not an ar archive");
    const members: Member[] = [];
    for (let at = AR_MAGIC.length; at + AR_HEADER_BYTES <= fileBytes && members.length < MAX_MEMBERS; ) {
      await file.read(header, 0, AR_HEADER_BYTES, at);
      const name = header.toString("latin1", 0, 16).trim().replace(/\/$/, "");
      const size = Number(header.toString("latin1", 48, 58).trim());
      const offset = at + AR_HEADER_BYTES;
      if (header.toString("latin1", 58, 60) !== "`\n" || !Number.isSafeInteger(size) || offset + size > fileBytes) {
        throw invalid(path, "its ar header is damaged or it is cut short");
      }
      members.push({ name, offset, size });
      at = offset + size + (size & 1);
    }
    return members;
  } finally {
    await file.close();
  }
}

function decompressed(raw: Readable, name: string, path: string, signal?: AbortSignal): Readable {
  if (name.endsWith(".tar")) return raw;
  if (name.endsWith(".xz")) return xzDecompress(raw, signal);
  if (name.endsWith(".gz")) return raw.pipe(createGunzip()).on("error", () => raw.destroy());
  if (name.endsWith(".zst")) return Readable.from(zstdChunks(raw));
  throw invalid(path, `${name} is compressed in a way that is not known here`);
}

async function* zstdChunks(raw: Readable): AsyncGenerator<Buffer> {
  let out: Buffer[] = [];
  // A copy: the decoder uses its window again.
  const decoder = new Decompress((chunk) => out.push(Buffer.from(chunk)));
  for await (const chunk of raw) {
    decoder.push(chunk as Uint8Array);
    yield* out;
    out = [];
  }
  decoder.push(new Uint8Array(0), true);
  yield* out;
}

async function visitTar(stream: Readable, path: string, visit: DebVisitor, signal?: AbortSignal): Promise<void> {
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure ??= error;
    stream.destroy();
  };
  const parser = new Parser({
    strict: true,
    onReadEntry: (entry) => {
      try {
        const sink = visit(describe(entry, path));
        if (sink === undefined) {
          entry.resume();
          return;
        }
        entry.on("data", (chunk: Buffer) => guarded(() => sink.write(chunk)));
        entry.on("end", () => guarded(() => sink.end()));
      } catch (error) {
        fail(error);
        entry.resume();
      }
    },
  });
  const guarded = (action: () => void): void => {
    if (failure !== undefined) return;
    try {
      action();
    } catch (error) {
      fail(error);
    }
  };
  try {
    await pipeline(stream, parser as unknown as NodeJS.WritableStream, ...(signal ? [{ signal }] : []));
  } catch (cause) {
    signal?.throwIfAborted();
    if (failure !== undefined) throw failure;
    throw cause instanceof VkrunError ? cause : invalid(path, (cause as Error).message, cause);
  }
  if (failure !== undefined) throw failure;
}

const TYPES: Partial<Record<string, DebEntryType>> = {
  File: "file",
  OldFile: "file",
  ContiguousFile: "file",
  Directory: "directory",
  SymbolicLink: "symlink",
  Link: "hardlink",
};

function describe(entry: ReadEntry, archive: string): DebEntry {
  const type = TYPES[entry.type];
  if (type === undefined) throw invalid(archive, `${entry.path} is a ${entry.type}`);
  return {
    type,
    path: absolute(entry.path, archive),
    mode: (entry.mode ?? 0) & 0o7777,
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    mtime: Math.floor((entry.mtime?.getTime() ?? 0) / 1000),
    size: type === "file" ? entry.size : 0,
    target: type === "hardlink" ? absolute(entry.linkpath ?? "", archive) : (entry.linkpath ?? ""),
  };
}

/** Refuses what could name a file outside of the image. */
function absolute(path: string, archive: string): string {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..") || path.includes("\0") || path.includes("\n")) {
    throw invalid(archive, `it holds the path ${JSON.stringify(path)}`);
  }
  return `/${names.join("/")}`;
}

function invalid(path: string, why: string, cause?: unknown): VkrunError {
  return new VkrunError("ERR_VKRUN_PACKAGE_INVALID", `${path} is not a usable Debian package: ${why}`, {
    hint: "Remove the file and build again.",
    cause,
  });
}
