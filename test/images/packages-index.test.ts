import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readLockFile } from "../../src/images/lock-file.js";
import { lockImage } from "../../src/images/lock-image.js";
import { fetchPackagesIndex, releaseHashes } from "../../src/images/packages-index.js";
import { FakeArchive, RECIPE } from "./support/fake-archive.js";

const HASH = "a".repeat(64);
const PACKAGES = ["busybox-static", "linux-image-1-test"]
  .map((name) => `Package: ${name}\nVersion: 1\nFilename: pool/${name}.deb\nSize: 7\nSHA256: ${HASH}\n`)
  .join("\n");
const FOLDER = "main/binary-riscv64";

function release(body: Buffer): Buffer {
  const hash = createHash("sha256").update(body).digest("hex");
  const text = `Origin: test\nSHA256:\n ${hash} ${body.length} ${FOLDER}/Packages.gz\n ${HASH} 1 other\n`;
  return Buffer.from(`-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n${text}-----BEGIN PGP SIGNATURE-----\n`);
}

describe("releaseHashes", () => {
  it("reads the SHA-256 sums out of a signed Release file", () => {
    const body = Buffer.from("x");
    expect(releaseHashes(release(body).toString()).get(`${FOLDER}/Packages.gz`)).toMatch(/^2d711642/);
  });
});

describe("fetchPackagesIndex", () => {
  let archive: FakeArchive;
  const compressed = gzipSync(PACKAGES);
  const location = () => ({ mirror: archive.mirror, suite: "test", component: "main", architecture: "riscv64" });

  beforeEach(async () => {
    archive = await FakeArchive.start();
  });
  afterEach(() => archive[Symbol.asyncDispose]());

  it("takes the index that the Release file names, by its hash", async () => {
    const hash = createHash("sha256").update(compressed).digest("hex");
    archive.serve("dists/test/InRelease", release(compressed));
    archive.serve(`dists/test/${FOLDER}/by-hash/SHA256/${hash}`, compressed);
    archive.serve(`dists/test/${FOLDER}/Packages.gz`, gzipSync("Package: later\n"));
    const index = await fetchPackagesIndex(location());
    expect(index).toMatchObject({ sha256: hash, signed: true });
    expect(index.packages.map((entry) => entry.package)).toEqual(["busybox-static", "linux-image-1-test"]);
  });

  it("takes an index that the Release file does not name, and says so", async () => {
    archive.serve("dists/test/InRelease", release(Buffer.from("another")));
    archive.serve(`dists/test/${FOLDER}/Packages.gz`, compressed);
    expect(await fetchPackagesIndex(location())).toMatchObject({ signed: false });
  });

  it("says so when the mirror has no index for the architecture", async () => {
    await expect(fetchPackagesIndex(location())).rejects.toMatchObject({ code: "ERR_VKRUN_MIRROR_UNREACHABLE" });
  });

  it("ends up in a lock file that can be read", async () => {
    archive.serve(`dists/test/${FOLDER}/Packages.gz`, compressed);
    await archive.writeGuest("sample.json", JSON.stringify(RECIPE));
    const { guestDirectory } = archive;
    const { lock } = await lockImage("sample", { mirror: archive.mirror, guestDirectory });
    expect(lock.kernel).toBe("linux-image-1-test");
    expect(lock.packages[0]).toEqual({
      package: "busybox-static",
      version: "1",
      path: "pool/busybox-static.deb",
      size: 7,
      sha256: HASH,
    });
    expect(await readLockFile("sample", guestDirectory)).toEqual(lock);
  });
});
