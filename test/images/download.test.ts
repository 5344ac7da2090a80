import { createHash, randomBytes } from "node:crypto";
import { access, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Download, download, fetchWhole } from "../../src/images/download.js";
import { FakeArchive } from "./support/fake-archive.js";

const BODY = randomBytes(300_000);

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Comparing buffers element by element, as toEqual does, takes seconds. */
async function holdsBody(path: string): Promise<boolean> {
  return (await readFile(path)).equals(BODY);
}

describe("download", () => {
  let archive: FakeArchive;
  let wanted: Download;

  beforeEach(async () => {
    archive = await FakeArchive.start();
    archive.serve("file", BODY);
    wanted = {
      url: async () => `${archive.mirror}/file`,
      path: join(archive.directory, "file"),
      size: BODY.length,
      sha256: sha256(BODY),
    };
  });
  afterEach(() => archive[Symbol.asyncDispose]());

  it("fetches a file, leaves no part of it behind, and reports all its bytes", async () => {
    const reported: number[] = [];
    await download(wanted, { onProgress: (bytes) => reported.push(bytes) });
    expect(await holdsBody(wanted.path)).toBe(true);
    expect(reported.at(-1)).toBe(BODY.length);
    await expect(access(`${wanted.path}.part`)).rejects.toThrow("ENOENT");
  });

  it("does not ask for a file again that is there and right", async () => {
    await download(wanted);
    await download({ ...wanted, url: () => Promise.reject(new Error("asked for the address")) });
    expect(archive.requests).toHaveLength(1);
  });

  it("fetches a file anew that is there and damaged", async () => {
    const damaged = Buffer.from(BODY);
    damaged[1000] = ~(damaged[1000] ?? 0);
    await writeFile(wanted.path, damaged);
    await download(wanted);
    expect(await holdsBody(wanted.path)).toBe(true);
  });

  it("asks only for the rest of a file of which a part is there", async () => {
    await writeFile(`${wanted.path}.part`, BODY.subarray(0, 100_000));
    await download(wanted);
    expect(archive.requests).toEqual([{ url: "/debian/file", range: "bytes=100000-" }]);
    expect(await holdsBody(wanted.path)).toBe(true);
  });

  it("goes on where the connection broke", async () => {
    archive.intercept = (_request, response, body) => {
      if (archive.requests.length > 1) return false;
      response.writeHead(200, { "content-length": body?.length });
      response.write(body?.subarray(0, 120_000), () => setTimeout(() => response.destroy(), 50));
      return true;
    };
    await download(wanted);
    expect(archive.requests).toHaveLength(2);
    expect(archive.requests[1]?.range).toMatch(/^bytes=[1-9]\d*-$/);
    expect(await holdsBody(wanted.path)).toBe(true);
  });

  it("begins anew where the server knows no ranges", async () => {
    await writeFile(`${wanted.path}.part`, BODY.subarray(0, 100_000));
    archive.intercept = (_request, response, body) => {
      response.writeHead(200).end(body);
      return true;
    };
    await download(wanted);
    expect(await holdsBody(wanted.path)).toBe(true);
  });

  it("begins anew when the part that is there belongs to another file", async () => {
    await writeFile(`${wanted.path}.part`, randomBytes(100_000));
    await download(wanted);
    expect(await holdsBody(wanted.path)).toBe(true);
    expect(archive.requests.map(({ range }) => range)).toEqual(["bytes=100000-", undefined]);
  });

  it("refuses a file whose hash differs, and keeps nothing of it", async () => {
    await expect(download({ ...wanted, sha256: "0".repeat(64) })).rejects.toMatchObject({
      code: "ERR_VKRUN_HASH_MISMATCH",
    });
    await expect(access(wanted.path)).rejects.toThrow("ENOENT");
    await expect(access(`${wanted.path}.part`)).rejects.toThrow("ENOENT");
  });

  it("stops reading from a server that sends more than the file's size", async () => {
    await expect(download({ ...wanted, size: 1000 })).rejects.toMatchObject({ code: "ERR_VKRUN_HASH_MISMATCH" });
  });

  it("says that the archive has replaced a file that is not there", async () => {
    const gone = { ...wanted, url: async () => `${archive.mirror}/gone` };
    await expect(download(gone)).rejects.toMatchObject({ code: "ERR_VKRUN_PACKAGE_GONE" });
  });

  it("gives up on a server that keeps failing, and says why", async () => {
    archive.intercept = (_request, response) => {
      response.writeHead(503).end();
      return true;
    };
    await expect(download(wanted)).rejects.toMatchObject({
      code: "ERR_VKRUN_MIRROR_UNREACHABLE",
      message: expect.stringContaining("503"),
    });
  });

  it("reports a full disk as such, and removes what it has written", async () => {
    await symlink("/dev/full", `${wanted.path}.part`);
    await expect(download(wanted)).rejects.toMatchObject({ code: "ERR_VKRUN_NO_SPACE" });
    await expect(access(`${wanted.path}.part`)).rejects.toThrow("ENOENT");
  });

  it("stops when it is told to, and keeps what has arrived", async () => {
    const controller = new AbortController();
    archive.intercept = (_request, response, body) => {
      response.writeHead(200, { "content-length": body?.length });
      response.write(body?.subarray(0, 120_000));
      return true;
    };
    const onProgress = () => controller.abort(new Error("enough"));
    await expect(download(wanted, { signal: controller.signal, onProgress })).rejects.toThrow("enough");
    const part = await readFile(`${wanted.path}.part`);
    expect(part.length).toBeGreaterThan(0);
    expect(BODY.subarray(0, part.length).equals(part)).toBe(true);
  });

  it("tells a missing file from an unreachable server when it fetches without a hash", async () => {
    expect((await fetchWhole(`${archive.mirror}/file`))?.equals(BODY)).toBe(true);
    expect(await fetchWhole(`${archive.mirror}/none`)).toBeUndefined();
    const { mirror } = archive;
    await archive[Symbol.asyncDispose]();
    await expect(fetchWhole(`${mirror}/file`)).rejects.toMatchObject({ code: "ERR_VKRUN_MIRROR_UNREACHABLE" });
    archive = await FakeArchive.start();
  });
});
