import { PassThrough } from "node:stream";
import type { CommanderError } from "commander";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { imageCommand } from "../../src/cli/image-command.js";
import { ImageProgressBar } from "../../src/cli/image-progress-bar.js";

function parse(...args: string[]): Promise<unknown> {
  const command = imageCommand();
  for (const each of [command, ...command.commands]) {
    each.exitOverride().configureOutput({ writeErr: () => undefined });
  }
  return command.parseAsync(args, { from: "user" });
}

describe("vkrun image", () => {
  let output = "";
  beforeEach(() => {
    output = "";
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      output += String(text);
      return true;
    });
  });
  afterEach(() => vi.restoreAllMocks());

  it("list names every image with what it is", async () => {
    await parse("list");
    expect(output).toMatch(/^debian +Debian 13 with systemd/m);
    expect(output).toMatch(/^tiny +Debian's kernel and busybox/m);
  });

  it("build refuses a size without a unit, and an image that there is not", async () => {
    await expect(parse("build", "tiny", "--size", "512")).rejects.toSatisfy(({ message }: CommanderError) =>
      message.includes("such as 512M"),
    );
    await expect(parse("build", "tyni")).rejects.toMatchObject({ code: "ERR_VKRUN_IMAGE_UNKNOWN" });
    await expect(parse("build", "tiny", "--size", "1M")).rejects.toMatchObject({ code: "ERR_VKRUN_INVALID_OPTION" });
  });
});

describe("ImageProgressBar", () => {
  it("writes one line per stage where there is no terminal", () => {
    const output = new PassThrough();
    const bar = new ImageProgressBar("tiny", output);
    bar.show({ stage: "download", name: "a", receivedBytes: 0, totalBytes: 2 ** 21 });
    bar.show({ stage: "download", name: "b", receivedBytes: 2 ** 21, totalBytes: 2 ** 21 });
    bar.show({ stage: "unpack", name: "a", done: 0, total: 2 });
    bar.show({ stage: "write", entries: 5 });
    bar[Symbol.dispose]();
    expect(String(output.read())).toBe(
      "tiny: downloading (2 MiB)\ntiny: unpacking (2 packages)\ntiny: writing 5 files\n",
    );
  });

  it("draws a bar on a terminal, and gives the cursor back", () => {
    const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 80, cursorTo: () => true });
    const bar = new ImageProgressBar("tiny", terminal);
    bar.show({ stage: "configure", name: "bash", done: 1, total: 2 });
    bar[Symbol.dispose]();
    const text = String(terminal.read());
    expect(text).toContain("configuring, inside vkrun");
    expect(text).toContain("\x1b[?25h");
  });
});
