import { expect, it } from "vitest";
import { formatError } from "../../src/cli/report-error.js";
import { VkrunError } from "../../src/errors.js";

it("an error is told with its code and what to do about it", () => {
  const error = new VkrunError("ERR_VKRUN_NO_DISK", "nothing was given", {
    hint: "Give a disk.",
    cause: new Error("x"),
  });
  expect(formatError(error)).toBe("vkrun: nothing was given (ERR_VKRUN_NO_DISK)\n  Give a disk.\n");
});

it("compiled code that went wrong is told with all there is to see of it", () => {
  const cause = new Error("Its guest code:\n  addi");
  const error = new VkrunError("ERR_VKRUN_JIT_MISMATCH", "it went wrong", { hint: "Report it.", cause });
  expect(formatError(error)).toBe(
    "vkrun: it went wrong (ERR_VKRUN_JIT_MISMATCH)\n  Report it.\nIts guest code:\n  addi\n",
  );
});

it("what was not raised on purpose says that it is a bug, with its stack", () => {
  expect(formatError(new TypeError("x is not a function"))).toMatch(
    /internal error: TypeError: x is not.*\n {4}at [\s\S]*This is a bug/,
  );
});
