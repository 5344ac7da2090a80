import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DebEntry } from "../../src/images/deb-archive.js";
import { debugfsCommands } from "../../src/images/disk-image.js";
import { excludePattern } from "../../src/images/image-files.js";
import { RootTree } from "../../src/images/root-tree.js";

function entry(type: DebEntry["type"], path: string, target = ""): DebEntry {
  return { type, path, target, mode: 0o755, uid: 1, gid: 2, mtime: 3, size: 0 };
}

describe("RootTree", () => {
  let directory: string;
  let tree: RootTree;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "vkrun-tree-"));
    tree = new RootTree(directory, 0);
  });
  afterEach(() => rm(directory, { recursive: true }));

  function paths(): string[] {
    return [...tree.entries()].map(([path]) => path);
  }

  it("makes the directories that lead to a file, and lists them before it", () => {
    tree.addFile("/a/b/c", "text");
    tree.addFile("/a-b", "");
    expect(paths()).toEqual(["/", "/a", "/a/b", "/a/b/c", "/a-b"]);
    expect(tree.read("/a/b/c")?.toString()).toBe("text");
  });

  it("puts files where a symbolic link among their directories leads", () => {
    tree.addSymlink("/bin", "usr/bin");
    tree.addSymlink("/usr/bin", "../opt/bin");
    tree.add(entry("directory", "/bin"));
    tree.addFile("/bin/sh", "shell");
    expect(tree.get("/opt/bin/sh")?.type).toBe("file");
    expect(tree.get("/bin")?.type).toBe("symlink");
    expect(tree.read("/bin/sh")?.toString()).toBe("shell");
  });

  it("cannot be led out of the image by a symbolic link", () => {
    tree.addSymlink("/up", "../../../..");
    tree.addFile("/up/etc/passwd", "");
    expect(paths()).toContain("/etc/passwd");
  });

  it("gives up on a loop of symbolic links", () => {
    tree.addSymlink("/a", "b");
    tree.addSymlink("/b", "a");
    expect(() => tree.addFile("/a/file", "")).toThrow("loop");
    expect(tree.read("/a")).toBeUndefined();
  });

  it("refuses a file in place of a directory, and the other way round", () => {
    tree.addFile("/a/b", "");
    expect(() => tree.addFile("/a", "")).toThrow("/a is a directory");
    expect(() => tree.addFile("/a/b/c", "")).toThrow("/a/b is not a directory");
  });

  it("reads a file through all its hard links", () => {
    const sink = tree.add({ ...entry("file", "/one"), size: 4 });
    sink?.write(Buffer.from("text"));
    sink?.end();
    tree.add(entry("hardlink", "/two", "/one"));
    tree.add(entry("hardlink", "/three", "/two"));
    expect(tree.read("/three")?.toString()).toBe("text");
    expect(() => tree.add(entry("hardlink", "/four", "/none"))).toThrow("/none");
  });

  it("takes out a directory with all that is in it", () => {
    tree.addFile("/a/b", "");
    tree.addFile("/ab", "");
    tree.remove("/a");
    expect(paths()).toEqual(["/", "/ab"]);
  });

  it("becomes debugfs commands that name each file in its directory, with quotes doubled", () => {
    tree.addFile('/a/say "hi"', "");
    tree.addCharacterDevice("/dev/console", 5, 1, 0o600);
    const commands = [...debugfsCommands(tree)].filter((command) => !command.startsWith("sif"));
    expect(commands).toEqual([
      'cd "/"',
      'mkdir "a"',
      'cd "/a"',
      `write "${join(directory, "0")}" "say ""hi"""`,
      'cd "/"',
      'mkdir "dev"',
      'cd "/dev"',
      'mknod "console" c 5 1',
    ]);
  });

  it("counts hard links, which debugfs does not", () => {
    tree.add(entry("file", "/one"))?.end();
    tree.add(entry("hardlink", "/two", "/one"));
    tree.add(entry("hardlink", "/three", "/one"));
    const commands = [...debugfsCommands(tree)];
    expect(commands).toContain('ln "/one" "two"');
    expect(commands.at(-1)).toBe('sif "/one" links_count 3');
  });
});

describe("excludePattern", () => {
  it("matches within one name, or all below a directory", () => {
    const below = excludePattern("/usr/lib/modules/*/kernel/sound/");
    expect(below.test("/usr/lib/modules/6.12+deb/kernel/sound/core/snd.ko")).toBe(true);
    expect(below.test("/usr/lib/modules/6.12+deb/x/kernel/sound/core/snd.ko")).toBe(false);
    const named = excludePattern("/boot/System.map*");
    expect(named.test("/boot/System.map-6.12")).toBe(true);
    expect(named.test("/boot/Systemxmap-6.12")).toBe(false);
    expect(named.test("/old/boot/System.map-6.12")).toBe(false);
  });
});
