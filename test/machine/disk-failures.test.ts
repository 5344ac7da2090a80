import { describe, expect, it } from "vitest";
import { VkrunError } from "../../src/errors.js";
import { DiskFailures } from "../../src/machine/disk-failures.js";
import type { DiskError } from "../../src/machine/machine-config.js";

describe("failures of a disk", () => {
  const full = Object.assign(new Error("no space left"), { code: "ENOSPC" });
  const write = { operation: "write", offset: 512, length: 4096, error: full } as const;

  it("are told once a kind and second, with the number of those that were not", () => {
    const told: DiskError[] = [];
    let now = 5000;
    const failures = new DiskFailures(
      (error) => told.push(error),
      () => now,
    );
    for (let count = 0; count < 10; count++) failures.report("vda", write);
    failures.report("vdb", write);
    failures.report("vda", { ...write, operation: "flush" });
    now += 1000;
    failures.report("vda", { ...write, offset: 1024 });
    expect(told).toEqual([
      {
        drive: "vda",
        operation: "write",
        offset: 512,
        length: 4096,
        code: "ENOSPC",
        message: "no space left",
        untold: 0,
      },
      expect.objectContaining({ drive: "vdb" }),
      expect.objectContaining({ operation: "flush" }),
      expect.objectContaining({ drive: "vda", operation: "write", offset: 1024, untold: 9 }),
    ]);
  });

  it("have the code of a VkrunError, and one where there is none", () => {
    const codes: string[] = [];
    const failures = new DiskFailures(({ code }) => codes.push(code));
    failures.report("vda", { ...write, error: new VkrunError("ERR_VKRUN_IMAGE_TRUNCATED", "shorter") });
    failures.report("vda", { ...write, error: "odd" });
    expect(codes).toEqual(["ERR_VKRUN_IMAGE_TRUNCATED", "UNKNOWN"]);
  });
});
