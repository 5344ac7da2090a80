/** From how a run ended to what that means for the vkernel. */
import { ResetType } from "../generated/shared/run-exit.js";
import type { ExitReason } from "./machine-config.js";
import type { RunOutcome } from "./runner.js";

export interface Conclusion {
  readonly reason: ExitReason;
  readonly code: number;
  /** The guest did it at an instruction of its own, so that a replay gets there by itself. */
  readonly byGuest: boolean;
}

/** SRST reset reason "system failure" (SBI 3.0, table 12.3). */
const SYSTEM_FAILURE = 1;

/** `panicked`: the guest's kernel has said so on its console, and has not gone back to normal since. */
export function conclude(outcome: RunOutcome, panicked: boolean): Conclusion {
  switch (outcome.kind) {
    case "stopped":
      return { reason: "stopped", code: 0, byGuest: false };
    case "replayed":
      return { reason: "replayed", code: 0, byGuest: false };
    case "poweroff":
      return {
        reason: outcome.code === 0 && panicked ? "panic" : "poweroff",
        code: outcome.code,
        byGuest: outcome.exact,
      };
    case "panic":
      return { reason: "panic", code: outcome.code, byGuest: outcome.exact };
    case "reboot":
      return { reason: panicked ? "panic" : "reboot", code: 0, byGuest: outcome.exact };
    case "sbi": {
      const failed = panicked || outcome.reason === SYSTEM_FAILURE;
      if (failed) return { reason: "panic", code: 0, byGuest: true };
      return { reason: outcome.type === ResetType.SHUTDOWN ? "poweroff" : "reboot", code: 0, byGuest: true };
    }
  }
}
