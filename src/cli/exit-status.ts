/** What the exit status of `vkrun` says. */
import type { Exit } from "../index.js";

export const ExitStatus = Object.freeze({
  /** The guest switched itself off, or the user ended it with Ctrl-A x. */
  OK: 0,
  /** vkrun could not start or keep up the guest: the message says why. */
  FAILED: 1,
  /** The command line makes no sense. */
  USAGE: 2,
  /** With --no-reboot: the guest asked for a reboot. */
  REBOOT: 3,
  /** The guest's kernel panicked. */
  PANIC: 4,
});

/** Ended by a signal, as shells count it. */
export const SIGNAL_BASE = 128;

/** A bare-metal program's own code is the status; a code that does not fit eight bits must not look like success. */
export function exitStatus(exit: Exit, bareMetal: boolean): number {
  switch (exit.reason) {
    case "poweroff":
      if (!bareMetal || exit.code === 0) return ExitStatus.OK;
      return Math.min(exit.code, 255);
    case "reboot":
      return ExitStatus.REBOOT;
    case "panic":
      return ExitStatus.PANIC;
    case "stopped":
    case "checkpointed":
    case "replayed":
      return ExitStatus.OK;
  }
}

export const EXIT_STATUS_HELP = `
Exit status:
  0  the guest powered off (with --elf: the program's own code, 255 if it exceeds that), or Ctrl-A x
  1  vkrun failed; the message says why
  2  wrong usage
  3  the guest asked for a reboot and --no-reboot was given
  4  the guest's kernel panicked
  128+N  ended by signal N`;
