import { describe, expect, it } from "vitest";
import { conclude } from "../../src/machine/outcome.js";

const SHUTDOWN = 0;
const COLD_REBOOT = 1;
const WARM_REBOOT = 2;
const FAILURE = 1;

describe("an SBI reset", () => {
  it.each([
    ["shutdown", SHUTDOWN, 0, "poweroff"],
    ["cold reboot", COLD_REBOOT, 0, "reboot"],
    ["warm reboot", WARM_REBOOT, 0, "reboot"],
    ["shutdown for a system failure", SHUTDOWN, FAILURE, "panic"],
    ["reboot for a system failure", COLD_REBOOT, FAILURE, "panic"],
  ])("by %s", (_what, type, reason, expected) => {
    expect(conclude({ kind: "sbi", type, reason }, false)).toEqual({ reason: expected, code: 0, byGuest: true });
  });

  it("of a kernel that panicked is a panic, whatever it asks for", () => {
    for (const type of [SHUTDOWN, COLD_REBOOT, WARM_REBOOT]) {
      expect(conclude({ kind: "sbi", type, reason: 0 }, true).reason).toBe("panic");
    }
  });
});

describe("other ends", () => {
  it("keep the code that the guest gave", () => {
    expect(conclude({ kind: "poweroff", code: 3, exact: true }, false)).toEqual({
      reason: "poweroff",
      code: 3,
      byGuest: true,
    });
    expect(conclude({ kind: "panic", code: 5, exact: true }, false)).toEqual({
      reason: "panic",
      code: 5,
      byGuest: true,
    });
  });

  it("that the machine saw only after a slice are not at the guest's own instruction", () => {
    expect(conclude({ kind: "poweroff", code: 0, exact: false }, false).byGuest).toBe(false);
    expect(conclude({ kind: "panic", code: 0, exact: false }, false).byGuest).toBe(false);
  });

  it("by the host are neither the guest's nor a failure", () => {
    expect(conclude({ kind: "stopped" }, false)).toEqual({ reason: "stopped", code: 0, byGuest: false });
    expect(conclude({ kind: "replayed" }, true)).toEqual({ reason: "replayed", code: 0, byGuest: false });
  });
});
