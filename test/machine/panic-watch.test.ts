import { describe, expect, it } from "vitest";
import { PanicWatch } from "../../src/machine/panic-watch.js";

const SECOND = 10_000_000n;
const PANIC = "[    1.0] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\r\n";
const END =
  "[    1.1] ---[ end Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0) ]---\r\n";

function watch(text: string, now = 0n): PanicWatch {
  const panic = new PanicWatch();
  for (const byte of Buffer.from(text)) panic.output(Uint8Array.of(byte), now);
  return panic;
}

describe("PanicWatch", () => {
  it("tells a panic when the guest spins after its last words", () => {
    const panic = watch(PANIC + END);
    expect(panic.check(false, SECOND)).toBe(false);
    expect(panic.check(false, 2n * SECOND)).toBe(true);
  });

  it("believes no words alone: a guest that goes on to wait has only quoted them", () => {
    const panic = watch(`# cat log\r\n${PANIC}${END}# `);
    expect(panic.panicked).toBe(true);
    expect(panic.check(true, 1n)).toBe(false);
    expect(panic.check(false, 100n * SECOND)).toBe(false);
    expect(panic.panicked).toBe(false);
  });

  it("knows a reboot after a panic for what it is", () => {
    const panic = watch(PANIC);
    expect(panic.check(false, 100n * SECOND)).toBe(false);
    expect(panic.panicked).toBe(true);
  });

  it("sees words that arrive in pieces, and takes none for others", () => {
    expect(watch("Kernel panic - not syncin").panicked).toBe(false);
    const panic = new PanicWatch();
    panic.output(Buffer.from("x".repeat(5000)), 0n);
    panic.output(Buffer.from("Kernel panic - n"), 0n);
    panic.output(Buffer.from("ot syncing: "), 0n);
    expect(panic.panicked).toBe(true);
  });
});
