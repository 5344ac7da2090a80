import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { GuestSession, withGuests } from "../../bench/guest-session.mjs";

const SESSION = fileURLToPath(new URL("../../bench/guest/session.sh", import.meta.url));

/** A shell of the host in the place of a machine. */
function shell(script: string) {
  return { name: "vkrun" as const, command: ["sh", "-c", script] };
}

const LOGIN = shell(`. ${SESSION}; printf 'fake# '; while read -r line; do eval "$line"; done`);

async function ready(guest: GuestSession): Promise<void> {
  await guest.waitFor(/# $/, 10);
}

async function inShell(task: (guest: GuestSession) => Promise<void>): Promise<void> {
  const guest = new GuestSession(LOGIN);
  try {
    await ready(guest);
    await task(guest);
  } finally {
    await guest[Symbol.asyncDispose]();
  }
}

test("runs a command, times it, and answers what it printed", async () => {
  await inShell(async (guest) => {
    const { seconds, output } = await guest.run("eval 'sleep 0.2; echo one; echo two'", 10);
    expect(output).toBe("one\ntwo");
    expect(seconds).toBeGreaterThanOrEqual(0.19);
    expect((await guest.run("echo three", 10)).output).toBe("three");
  });
});

test("a command that fails is an error with its output", async () => {
  await inShell(async (guest) => {
    await expect(guest.run("eval 'echo why; false'", 10)).rejects.toThrow(/status 1:\nwhy/);
  });
});

test("a machine that ends is an error that shows its last words", async () => {
  const dying = shell("echo Kernel panic");
  await expect(withGuests([dying], ready, async () => "not reached")).rejects.toThrow(/ended before.*\nKernel panic/s);
});

test("a machine that stays silent is an error after the given time, and is ended", async () => {
  const guest = new GuestSession(shell("exec sleep 60"));
  await expect(guest.waitFor(/login: $/, 0.2)).rejects.toThrow("within 0.2 s");
  await guest[Symbol.asyncDispose]();
  expect(() => process.kill(guest.pid ?? 0, 0)).toThrow("ESRCH");
});

test("what a line editor asks the terminal is not part of the prompt", async () => {
  await withGuests([shell("printf 'fake# \\033[6n'; sleep 60")], ready, async (guests) => {
    expect(guests).toHaveLength(1);
  });
});
