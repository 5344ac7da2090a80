import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type DebEntry, visitDeb } from "../../src/images/deb-archive.js";
import { arArchive, type TarFile, tarball } from "./support/fake-archive.js";

const FILES: TarFile[] = [
  { path: "./", type: "Directory", mode: 0o755 },
  { path: "./usr/bin/su", content: "set user", mode: 0o4755, uid: 0, gid: 42 },
  { path: "./usr/bin/sulink", type: "SymbolicLink", linkpath: "../su" },
  { path: "./usr/bin/hard", type: "Link", linkpath: "./usr/bin/su" },
  { path: `./${"long/".repeat(30)}name`, content: "deep" },
];

const xz = (tar: Buffer) => execFileSync("xz", ["-c"], { input: tar });
/** `tarball(FILES.slice(0, 4))` as zstd 1.5 compresses it: not every host has the program. */
const ZSTD_TARBALL = Buffer.from(
  [
    "KLUv/QRojQQAYsYSEKA99AW/36rKu5OUCbiqdxmbYLAP9IyKL0LgBLqEt5soc6vlSx8BTK9kd5e9VTO+cOuI91GEVM1n4MdMT9DM",
    "xdtJj6IJ3IuqpggBGSAgSSQFhR795wqorAJQ5ewHnEAPUWb1MyCTzCcaYDlAr3pg1AsQdLHhAeeBTk+iVIDNYEU6D5tndbaPACUg",
    "HJ/cEJ+9Wfs=",
  ].join(""),
  "base64",
);

describe("visitDeb", () => {
  let directory: string;
  let path: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "vkrun-deb-"));
    path = join(directory, "a.deb");
  });
  afterEach(() => rm(directory, { recursive: true }));

  async function write(name: string, data: Buffer): Promise<void> {
    const members = [
      ["debian-binary", Buffer.from("2.0\n")],
      ["control.tar.gz", gzipSync(tarball([]))],
      [name, data],
    ] as const;
    await writeFile(path, arArchive(members));
  }

  async function entries(): Promise<(DebEntry & { content: string })[]> {
    const seen: (DebEntry & { content: string })[] = [];
    await visitDeb(path, "data", (entry) => {
      const record = { ...entry, content: "" };
      seen.push(record);
      return { write: (chunk) => (record.content += Buffer.from(chunk).toString()), end: () => undefined };
    });
    return seen;
  }

  it.each([
    ["data.tar", (tar: Buffer) => tar],
    ["data.tar.gz", gzipSync],
    ["data.tar.xz", xz],
    ["data.tar.zst", () => ZSTD_TARBALL],
  ])("reads %s, with owners, modes and links", async (name, compress) => {
    await write(name, compress(tarball(FILES.slice(0, 4))));
    const [root, file, symlink, hardlink] = await entries();
    expect(root).toMatchObject({ type: "directory", path: "/", mode: 0o755 });
    expect(file).toMatchObject({ type: "file", path: "/usr/bin/su", mode: 0o4755, gid: 42, content: "set user" });
    expect(symlink).toMatchObject({ type: "symlink", path: "/usr/bin/sulink", target: "../su" });
    expect(hardlink).toMatchObject({ type: "hardlink", path: "/usr/bin/hard", target: "/usr/bin/su" });
  });

  it.each([
    ["a path that climbs out", { path: "./../etc/passwd" }],
    ["a path with a line break, which a debugfs script could not hold", { path: "./a\nwrite x y" }],
    ["a hard link that climbs out", { path: "./x", type: "Link", linkpath: "../../etc/passwd" }],
    ["a device", { path: "./dev/mem", type: "CharacterDevice" }],
  ] as [string, TarFile][])("refuses %s", async (_what, file) => {
    await write("data.tar", tarball([file]));
    await expect(entries()).rejects.toMatchObject({ code: "ERR_VKRUN_PACKAGE_INVALID" });
  });

  it("refuses what is no archive, and what is cut short", async () => {
    const whole = xz(tarball(FILES));
    await write("data.tar.xz", whole.subarray(0, whole.length - 20));
    await expect(entries()).rejects.toMatchObject({ code: expect.stringMatching(/PACKAGE_INVALID|BUILD_FAILED/) });
    await writeFile(path, arArchive([["data.tar.xz", whole]]).subarray(0, 100));
    await expect(entries()).rejects.toMatchObject({ code: "ERR_VKRUN_PACKAGE_INVALID" });
    await writeFile(path, "<html>not found</html>");
    await expect(entries()).rejects.toMatchObject({ code: "ERR_VKRUN_PACKAGE_INVALID" });
    await write("something-else", whole);
    await expect(entries()).rejects.toMatchObject({ code: "ERR_VKRUN_PACKAGE_INVALID" });
  });

  it("passes on what goes wrong in the visitor", async () => {
    await write("data.tar", tarball(FILES));
    const visit = () => {
      throw new Error("no more room");
    };
    await expect(visitDeb(path, "data", visit)).rejects.toThrow("no more room");
  });
});
