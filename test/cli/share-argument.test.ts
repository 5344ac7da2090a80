import { describe, expect, it } from "vitest";
import { resolveOptions } from "../../src/api/boot-options.js";
import type { ShareOptions } from "../../src/api/share-options.js";
import { collectShare } from "../../src/cli/share-argument.js";

describe("--share", () => {
  it.each([
    ["dir:tag", { path: "dir", tag: "tag" }],
    ["/a:b:tag", { path: "/a:b", tag: "tag" }],
    ["dir:tag:ro", { path: "dir", tag: "tag", readOnly: true }],
    ["dir:tag:uid=map:ro", { path: "dir", tag: "tag", readOnly: true, uid: "map" }],
    ["dir:tag:ro:uid=pass", { path: "dir", tag: "tag", readOnly: true, uid: "pass" }],
  ])("%s", (text, expected) => {
    expect(collectShare(text)).toEqual([expected]);
  });

  it("adds to those before", () => {
    expect(collectShare("b:two", collectShare("a:one")).map(({ tag }) => tag)).toEqual(["one", "two"]);
  });

  it.each(["", "dir", ":tag", "dir:", "dir:ro", ":tag:ro"])("refuses %j", (text) => {
    expect(() => collectShare(text)).toThrow(/a folder and a tag/);
  });
});

describe("the option shares", () => {
  const refused = (hint: RegExp) =>
    expect.objectContaining({ code: "ERR_VKRUN_BOOT_OPTIONS", hint: expect.stringMatching(hint) });
  const shares = (...all: ShareOptions[]) => resolveOptions({ shares: all }).shares;

  it("takes folders relative to the current directory, squashed and writable", () => {
    expect(shares({ path: "x", tag: "t" })).toEqual([
      { path: `${process.cwd()}/x`, tag: "t", readOnly: false, owners: "squash" },
    ]);
  });

  it("refuses tags that are none, too long or not the only ones, and unknown ways to map users", () => {
    expect(() => shares({ path: "x", tag: "" })).toThrow(refused(/1 to 31/));
    expect(() => shares({ path: "x", tag: "t".repeat(32) })).toThrow(refused(/1 to 31/));
    expect(() => shares({ path: "x", tag: "t" }, { path: "y", tag: "t" })).toThrow(refused(/of its own/));
    expect(() => shares({ path: "x", tag: "t", uid: "none" as "map" })).toThrow(refused(/squash/));
  });
});
