import { VkrunError } from "../errors.js";
import type { ByteFile } from "./byte-file.js";
import { scatter, slices, totalLength } from "./scatter.js";

/** What is fetched at a time, and kept. */
const BLOCK = 256 << 10;
const KEPT_BLOCKS = 128;
const TIMEOUT_MS = 30_000;
const ATTEMPTS = 3;
/** A server that gives out ranges one at a time is one to be gentle with. */
const RETRY_MS = 500;

/**
 * A file behind a web server that answers range requests (RFC 9110, 14): reading only, a block at a time as it is needed. What the server
 * says of the file's version at first it must say every time.
 */
export class HttpFile implements ByteFile {
  readonly path: string;
  readonly readOnly = true;
  readonly allocates = false;
  readonly blockSize = 4096;
  readonly size: number;
  readonly #etag: string | null;
  readonly #modified: string | null;
  /** In the order of use. */
  readonly #blocks = new Map<number, Uint8Array>();
  readonly #loading = new Map<number, Promise<Uint8Array>>();
  readonly #closed = new AbortController();

  private constructor(path: string, size: number, { headers }: Response) {
    this.path = path;
    this.size = size;
    this.#etag = headers.get("etag");
    this.#modified = headers.get("last-modified");
  }

  static async open(url: string): Promise<HttpFile> {
    const response = await request(url, 0, 1, undefined);
    await response.arrayBuffer();
    const size = response.status === 206 ? rangeSize(response) : undefined;
    if (size !== undefined) return new HttpFile(url, size, response);
    throw new VkrunError(
      "ERR_VKRUN_IMAGE_OPEN",
      `${url} cannot be read in parts: the server answered ${response.status}`,
      {
        hint: response.ok ? "The server has no range requests. Fetch the file instead." : "Check the URL.",
      },
    );
  }

  async read(offset: number, buffers: readonly Uint8Array[]): Promise<number> {
    const end = Math.min(this.size, offset + totalLength(buffers));
    const reads: Promise<void>[] = [];
    for (let position = offset; position < end; ) {
      const stop = Math.min(end, blockStart(position) + BLOCK);
      const start = position;
      const target = slices(buffers, start - offset, stop - start);
      reads.push(this.#block(blockStart(start)).then((block) => copy(block, start, target)));
      position = stop;
    }
    await Promise.all(reads);
    return Math.max(0, end - offset);
  }

  tryRead(offset: number, buffers: readonly Uint8Array[]): number {
    const end = Math.min(this.size, offset + totalLength(buffers));
    let position = offset;
    while (position < end) {
      const block = this.#blocks.get(blockStart(position));
      if (block === undefined) break;
      const stop = Math.min(end, blockStart(position) + BLOCK);
      copy(block, position, slices(buffers, position - offset, stop - position));
      position = stop;
    }
    return Math.max(0, position - offset);
  }

  async write(): Promise<void> {
    throw new VkrunError("ERR_VKRUN_IMAGE_READ_ONLY", `${this.path} can only be read`);
  }

  tryWrite(): boolean {
    return false;
  }

  async flush(): Promise<void> {}

  async punchHole(): Promise<boolean> {
    return false;
  }

  async zeroRange(): Promise<boolean> {
    return false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await Promise.allSettled(this.#loading.values());
    this.#blocks.clear();
  }

  #block(start: number): Promise<Uint8Array> {
    const block = this.#blocks.get(start);
    if (block !== undefined) {
      this.#blocks.delete(start);
      this.#blocks.set(start, block);
      return Promise.resolve(block);
    }
    let loading = this.#loading.get(start);
    if (loading === undefined) {
      loading = this.#fetch(start).finally(() => this.#loading.delete(start));
      this.#loading.set(start, loading);
    }
    return loading;
  }

  async #fetch(start: number): Promise<Uint8Array> {
    const length = Math.min(BLOCK, this.size - start);
    const response = await request(this.path, start, length, this.#closed.signal);
    this.#checkVersion(response);
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (response.status !== 206 || bytes.length !== length) {
      throw new VkrunError(
        "ERR_VKRUN_IMAGE_READ",
        `${this.path} cannot be read: the server answered ${response.status}`,
        {
          hint: "Check that the server is up, and that it still has the file.",
        },
      );
    }
    this.#blocks.set(start, bytes);
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= KEPT_BLOCKS) break;
      this.#blocks.delete(oldest);
    }
    return bytes;
  }

  /** A file that was replaced is another disk, whose parts do not fit to those that were read before. */
  #checkVersion(response: Response): void {
    if (!response.ok) return;
    const { headers } = response;
    const same =
      headers.get("etag") === this.#etag &&
      headers.get("last-modified") === this.#modified &&
      (response.status !== 206 || rangeSize(response) === this.size);
    if (same) return;
    throw new VkrunError("ERR_VKRUN_IMAGE_CHANGED", `${this.path} was changed on its server while in use`, {
      hint: "Start again; what was written to an overlay in a file does not belong to the new version.",
    });
  }
}

/** A range, tried again when there was no answer or the server said that it is its own fault. */
async function request(url: string, start: number, length: number, closed: AbortSignal | undefined): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    try {
      const timeout = AbortSignal.timeout(TIMEOUT_MS);
      const signal = closed === undefined ? timeout : AbortSignal.any([timeout, closed]);
      const range = `bytes=${start}-${start + length - 1}`;
      const response = await fetch(url, { headers: { range, "accept-encoding": "identity" }, signal });
      if (response.status < 500 || attempt === ATTEMPTS) return response;
      await response.body?.cancel();
    } catch (cause) {
      if (attempt === ATTEMPTS || closed?.aborted) {
        const why = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
        throw new VkrunError("ERR_VKRUN_IMAGE_READ", `${url} cannot be read: ${why}`, {
          hint: "Check the URL, the network and the server.",
          cause,
        });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** "bytes 0-0/12345" (RFC 9110, 14.4). */
function rangeSize({ headers }: Response): number | undefined {
  const size = Number(/^bytes \d+-\d+\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1]);
  return Number.isSafeInteger(size) ? size : undefined;
}

function blockStart(position: number): number {
  return Math.floor(position / BLOCK) * BLOCK;
}

function copy(block: Uint8Array, position: number, target: readonly Uint8Array[]): void {
  const within = position - blockStart(position);
  scatter(target, 0, block.subarray(within, within + totalLength(target)));
}
