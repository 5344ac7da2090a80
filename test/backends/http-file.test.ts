import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openImage } from "../../src/backends/open-image.js";
import { Overlay } from "../../src/backends/overlay.js";

const SIZE = (1 << 20) + 512;
const BLOCK = 256 << 10;

let server: Server;
let url: string;
let content: Buffer;
let etag: string;
let requests: string[];
/** What the server does instead of what it should, once each. */
let mischief: ((request: IncomingMessage, response: ServerResponse) => void)[];

beforeEach(async () => {
  content = Buffer.from(Uint8Array.from({ length: SIZE }, (_, index) => (index >> 9) * 3 + index));
  etag = '"1"';
  requests = [];
  mischief = [];
  server = createServer((request, response) => {
    requests.push(request.headers.range ?? "");
    const instead = mischief.shift();
    if (instead !== undefined) return instead(request, response);
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    const part = content.subarray(Number(from), Number(to) + 1);
    const range = `bytes ${from}-${Number(from) + part.length - 1}/${content.length}`;
    response.writeHead(206, { etag, "content-range": range, "content-length": part.length });
    return response.end(part);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/disk.img`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe("an image behind a web server", () => {
  it("is read in blocks, each of them once", async () => {
    const disk = await openImage({ path: url, readOnly: true });
    expect(disk.size).toBe(SIZE);
    expect(disk.readOnly).toBe(true);
    const bytes = new Uint8Array(BLOCK + 1024);
    await Promise.all([disk.read(BLOCK - 512, [bytes]), disk.read(BLOCK, [new Uint8Array(512)])]);
    expect(Buffer.compare(bytes, content.subarray(BLOCK - 512, BLOCK - 512 + bytes.length))).toBe(0);
    const before = requests.length;
    expect(disk.tryRead?.(BLOCK, [bytes])).toBe(bytes.length);
    expect(disk.tryRead?.(3 * BLOCK - 512, [bytes])).toBe(512);
    expect(requests.length).toBe(before);
    const end = new Uint8Array(512);
    await disk.read(SIZE - 512, [end]);
    expect(Buffer.compare(end, content.subarray(SIZE - 512))).toBe(0);
    await disk[Symbol.asyncDispose]();
  });

  it("can be written to an overlay", async () => {
    const disk = new Overlay(await openImage({ path: url, readOnly: true }));
    await disk.write(512, [new Uint8Array(512).fill(9)]);
    const bytes = new Uint8Array(1536);
    await disk.read(0, [bytes]);
    content.fill(9, 512, 1024);
    expect(Buffer.compare(bytes, content.subarray(0, 1536))).toBe(0);
    await disk[Symbol.asyncDispose]();
  });

  it("is asked for again when the server fails or hangs up", async () => {
    const disk = await openImage({ path: url, readOnly: true });
    mischief.push(
      (_, response) => void response.writeHead(503).end(),
      (request) => void request.socket.destroy(),
    );
    const bytes = new Uint8Array(512);
    await disk.read(BLOCK, [bytes]);
    expect(Buffer.compare(bytes, content.subarray(BLOCK, BLOCK + 512))).toBe(0);
    await disk[Symbol.asyncDispose]();
  });

  it("that is replaced is not mixed with what was read before", async () => {
    const disk = await openImage({ path: url, readOnly: true });
    await disk.read(0, [new Uint8Array(512)]);
    etag = '"2"';
    await expect(disk.read(2 * BLOCK, [new Uint8Array(512)])).rejects.toMatchObject({
      code: "ERR_VKRUN_IMAGE_CHANGED",
    });
    etag = '"1"';
    content = content.subarray(0, SIZE - 512);
    await expect(disk.read(3 * BLOCK, [new Uint8Array(512)])).rejects.toMatchObject({
      code: "ERR_VKRUN_IMAGE_CHANGED",
    });
    await disk[Symbol.asyncDispose]();
  });

  it("that is gone is an error of the read", async () => {
    const disk = await openImage({ path: url, readOnly: true });
    mischief.push((_, response) => void response.writeHead(404).end());
    await expect(disk.read(BLOCK, [new Uint8Array(512)])).rejects.toMatchObject({ code: "ERR_VKRUN_IMAGE_READ" });
    await disk[Symbol.asyncDispose]();
  });

  it.each<[string, (response: ServerResponse) => void, RegExp]>([
    ["is not there", (response) => void response.writeHead(404).end(), /answered 404/],
    ["cannot be read in parts", (response) => void response.writeHead(200).end("all of it"), /answered 200/],
  ])("that %s is not opened", async (_what, answer, message) => {
    mischief.push((_request, response) => answer(response));
    await expect(openImage({ path: url, readOnly: true })).rejects.toMatchObject({
      code: "ERR_VKRUN_IMAGE_OPEN",
      message: expect.stringMatching(message),
    });
  });

  it("cannot be opened for writing, nor without a server", async () => {
    await expect(openImage({ path: url, readOnly: false })).rejects.toMatchObject({
      code: "ERR_VKRUN_IMAGE_READ_ONLY",
    });
    await expect(openImage({ path: "http://127.0.0.1:1/disk", readOnly: true })).rejects.toMatchObject({
      code: "ERR_VKRUN_IMAGE_READ",
      hint: expect.any(String),
    });
  });
});
