import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { debianArchive, findMirror, parseDeb822Sources, parseSourcesList } from "../../src/images/apt-sources.js";

describe("parseSourcesList", () => {
  it("reads the one-line format, with options and without", () => {
    const text = [
      "# deb http://commented.example/debian trixie main",
      "deb [arch=amd64 signed-by=/k.gpg] http://one.example/debian trixie main contrib # note",
      "deb-src http://source.example/debian trixie main",
      "deb\thttp://two.example/debian/ ./",
    ].join("\n");
    expect(parseSourcesList(text)).toEqual([
      { uri: "http://one.example/debian", suites: ["trixie"], components: ["main", "contrib"] },
      { uri: "http://two.example/debian/", suites: ["./"], components: [] },
    ]);
  });
});

describe("parseDeb822Sources", () => {
  it("reads a paragraph per source, each address of it", () => {
    const text = [
      "Types: deb deb-src",
      "URIs: http://one.example/debian",
      "      http://two.example/debian",
      "# a comment",
      "Suites: trixie trixie-updates",
      "Components: main",
      "",
      "Types: deb-src",
      "URIs: http://source.example/debian",
    ].join("\n");
    const rest = { suites: ["trixie", "trixie-updates"], components: ["main"] };
    expect(parseDeb822Sources(text)).toEqual([
      { uri: "http://one.example/debian", ...rest },
      { uri: "http://two.example/debian", ...rest },
    ]);
  });

  it("leaves out what is disabled", () => {
    expect(parseDeb822Sources("Types: deb\nURIs: http://a.example/debian\nEnabled: no\n")).toEqual([]);
  });
});

describe("debianArchive", () => {
  const source = (uri: string, suites = ["trixie"], components = ["main"]) => ({ uri, suites, components });

  it("passes over security archives, third parties and what is not fetched over HTTP", () => {
    const archive = "https://mirror.example/pub/debian";
    const others = [
      source("http://a.example/debian-security", ["trixie-security"]),
      source("http://a.example/debian", ["trixie-security"]),
      source("https://vendor.example/apt"),
      source("file:/srv/debian"),
      source("http://vendor.example/debian", ["stable"], ["vendor"]),
    ];
    expect(debianArchive(others)).toBeUndefined();
    expect(debianArchive([...others, source(archive)])).toBe(archive);
  });
});

describe("findMirror", () => {
  let aptDirectory: string;
  beforeEach(async () => {
    aptDirectory = await mkdtemp(join(tmpdir(), "vkrun-apt-"));
    await mkdir(join(aptDirectory, "sources.list.d"));
  });
  afterEach(() => rm(aptDirectory, { recursive: true }));

  it("takes what the user names first, then the environment, then the host's apt", async () => {
    await writeFile(join(aptDirectory, "sources.list"), "deb http://list.example/debian/ trixie main\n");
    const env = { VKRUN_MIRROR: "http://env.example/debian" };
    expect(await findMirror({ mirror: "http://cli.example/debian/", env, aptDirectory })).toBe(
      "http://cli.example/debian",
    );
    expect(await findMirror({ env, aptDirectory })).toBe("http://env.example/debian");
    expect(await findMirror({ env: {}, aptDirectory })).toBe("http://list.example/debian");
  });

  it("reads both formats in sources.list.d, and no other file there", async () => {
    const parts = join(aptDirectory, "sources.list.d");
    await writeFile(join(parts, "a.save"), "deb http://old.example/debian trixie main\n");
    await writeFile(join(parts, "b.list"), "deb http://vendor.example/apt stable main\n");
    await writeFile(
      join(parts, "c.sources"),
      "Types: deb\nURIs: http://c.example/debian\nSuites: sid\nComponents: main\n",
    );
    expect(await findMirror({ env: {}, aptDirectory })).toBe("http://c.example/debian");
  });

  it("says what to do when no mirror is known", async () => {
    await expect(findMirror({ env: { VKRUN_MIRROR: "" }, aptDirectory })).rejects.toMatchObject({
      code: "ERR_VKRUN_NO_MIRROR",
      hint: expect.stringContaining("VKRUN_MIRROR"),
    });
  });

  it("refuses an address that is none", async () => {
    for (const mirror of ["deb.example/debian", "ftp://a.example/debian", ""]) {
      await expect(findMirror({ mirror, env: {}, aptDirectory })).rejects.toMatchObject({
        code: "ERR_VKRUN_NO_MIRROR",
      });
    }
  });
});
