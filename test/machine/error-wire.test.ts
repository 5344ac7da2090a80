import { describe, expect, it } from "vitest";
import { VkrunError } from "../../src/errors.js";
import { decodeError, encodeError } from "../../src/machine/error-wire.js";

/** As it comes out on the other thread. */
const cross = (error: unknown) => decodeError(structuredClone(encodeError(error)));

describe("an error that crosses threads", () => {
  it("keeps its class, code, message, hint and cause", () => {
    const cause = Object.assign(new Error("ENOENT: no such file"), { code: "ENOENT" });
    const error = cross(
      new VkrunError("ERR_VKRUN_IMAGE_NOT_FOUND", "there is no disk image x", { hint: "Check it.", cause }),
    );
    expect(error).toBeInstanceOf(VkrunError);
    expect(error).toMatchObject({
      code: "ERR_VKRUN_IMAGE_NOT_FOUND",
      message: "there is no disk image x",
      hint: "Check it.",
    });
    expect((error.cause as Error).message).toBe("ENOENT: no such file");
    expect((error.cause as Error).stack).toBe(cause.stack);
  });

  it("is an internal one if it was not raised on purpose, and keeps its stack", () => {
    const bug = new TypeError("x is undefined");
    const error = cross(bug);
    expect(error.code).toBe("ERR_VKRUN_INTERNAL");
    expect(error.message).toContain("x is undefined");
    expect((error.cause as Error).stack).toBe(bug.stack);
  });

  it("may be no Error at all", () => {
    expect(cross("gone").message).toContain("gone");
  });

  it("may have itself for a cause", () => {
    const ring = new Error("ring");
    ring.cause = ring;
    expect(cross(ring).message).toContain("ring");
  });
});
