import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { paragraphs } from "../../src/images/control-file.js";
import { DpkgDatabase } from "../../src/images/dpkg-database.js";
import { RootTree } from "../../src/images/root-tree.js";
import { arArchive, tarball } from "./support/fake-archive.js";

describe("DpkgDatabase", () => {
  let directory: string;
  let tree: RootTree;
  let database: DpkgDatabase;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "vkrun-dpkg-"));
    tree = new RootTree(join(directory, "staging"), 0);
    const standIns = [{ name: "own-initramfs", provides: "linux-initramfs-tool", description: "made elsewhere" }];
    database = new DpkgDatabase(tree, { architecture: "riscv64", standIns, manual: new Set(["asked"]) });
  });
  afterEach(() => rm(directory, { recursive: true }));

  /** Records a package with that control file and those further control members. */
  async function add(control: string, members: Record<string, string> = {}, files: string[] = []): Promise<void> {
    const path = join(directory, "a.deb");
    const entries = Object.entries({ control, ...members }).map(([name, content]) => ({ path: `./${name}`, content }));
    await writeFile(path, arArchive([["control.tar.gz", gzipSync(tarball(entries))]]));
    await database.addPackage(path, files);
  }

  function read(path: string): string | undefined {
    return tree.read(path)?.toString();
  }

  function status() {
    return [...paragraphs(read("/var/lib/dpkg/status") ?? "")].map((fields) => Object.fromEntries(fields));
  }

  it("leaves each package unpacked, with the fields of its control file", async () => {
    await add("Package: a\nVersion: 1\nDescription: two\n lines\n");
    await add("Package: b\nVersion: 2\n");
    database.finish();
    expect(status()).toMatchObject([
      { package: "a", version: "1", description: "two\n lines", status: "install ok unpacked" },
      { package: "b", version: "2", status: "install ok unpacked" },
      { package: "own-initramfs", provides: "linux-initramfs-tool", status: "install ok installed" },
    ]);
  });

  it("names the records of a package that may be there in several architectures after its own", async () => {
    await add("Package: lib\nVersion: 1\nMulti-Arch: same\n", { postinst: "#!/bin/sh\n" }, ["/", "/usr/lib"]);
    expect(read("/var/lib/dpkg/info/lib:riscv64.list")).toBe("/.\n/usr/lib\n");
    expect(tree.get("/var/lib/dpkg/info/lib:riscv64.postinst")?.mode).toBe(0o755);
    expect(tree.get("/var/lib/dpkg/info/lib.list")).toBeUndefined();
  });

  it("notes the hash that each configuration file was shipped with", async () => {
    tree.addFile("/etc/a.conf", "shipped");
    await add("Package: a\nVersion: 1\n", { conffiles: "/etc/a.conf\nremove-on-upgrade /etc/old.conf\n" });
    database.finish();
    const md5 = createHash("md5").update("shipped").digest("hex");
    expect(status()[0]?.["conffiles"]).toBe(`\n /etc/a.conf ${md5}`);
  });

  it("registers who waits for which trigger", async () => {
    const triggers = "# a comment\ninterest-noawait /usr/share/man\ninterest ldconfig\nactivate-noawait other\n";
    await add("Package: a\nVersion: 1\n", { triggers });
    await add("Package: b\nVersion: 1\nMulti-Arch: same\n", { triggers: "interest-await ldconfig\n" });
    database.finish();
    expect(read("/var/lib/dpkg/triggers/File")).toBe("/usr/share/man a/noawait\n");
    expect(read("/var/lib/dpkg/triggers/ldconfig")).toBe("a\nb:riscv64\n");
    expect(read("/var/lib/dpkg/triggers/other")).toBeUndefined();
  });

  it("marks as automatic what was neither asked for nor required", async () => {
    await add("Package: asked\nVersion: 1\n");
    await add("Package: core\nVersion: 1\nEssential: yes\n");
    await add("Package: must\nVersion: 1\nPriority: required\n");
    await add("Package: pulled\nVersion: 1\n");
    database.finish();
    expect(read("/var/lib/apt/extended_states")).toBe("Package: pulled\nArchitecture: riscv64\nAuto-Installed: 1\n\n");
  });
});
