import { appendFileSync } from "node:fs";
import { describe } from "vitest";

/** Where suites that the short run leaves out are noted, one a line, for the summary at the end. */
export const leftOutPath = "build/test/left-out.txt";

/** True under `./build.sh test --full`. */
export const full = process.env["VKRUN_FULL"] === "1";

/** Has the summary at the end of the short run name something that it did not run. */
export function noteLeftOut(title: string, duration: string): void {
  if (!full) appendFileSync(leftOutPath, `${title} (${duration})\n`);
}

/** A suite for `./build.sh test --full` only; `duration` is for people: "about 20 minutes". */
export function describeFull(title: string, duration: string, suite: () => void): void {
  noteLeftOut(title, duration);
  describe.runIf(full)(title, suite);
}
