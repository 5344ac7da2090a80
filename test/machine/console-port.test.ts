import { beforeEach, describe, expect, it } from "vitest";
import { ConsolePort } from "../../src/machine/console-port.js";

let sent: Uint8Array[];
let consumed: number;
let got: string;
let port: ConsolePort;

beforeEach(() => {
  sent = [];
  consumed = 0;
  got = "";
  port = make();
});

function make(replaying = false): ConsolePort {
  return new ConsolePort({
    replaying,
    send: (bytes) => sent.push(bytes),
    consumed: (bytes) => {
      consumed += bytes;
    },
  });
}

const bytes = (text: string) => Buffer.from(text, "latin1");
const device = (piece: Uint8Array) => {
  got += Buffer.from(piece).toString("latin1");
};

describe("output", () => {
  it("is handed on in one piece a slice, which the port does not keep", () => {
    for (const byte of bytes("hello")) port.write(Uint8Array.of(byte));
    expect(sent).toEqual([]);
    port.flush();
    port.flush();
    expect(sent.map((piece) => Buffer.from(piece).toString())).toEqual(["hello"]);
    port.write(bytes("x".repeat(10_000)));
    port.flush();
    expect(Buffer.from(sent[0] ?? []).toString()).toBe("hello");
    expect(sent[1]?.length).toBe(10_000);
  });

  it("congests the port until the user has read, and tells the device then", () => {
    let drains = 0;
    port.attach(device, () => drains++);
    port.write(new Uint8Array(2 ** 20));
    expect(port.congested).toBe(false);
    port.write(new Uint8Array(1));
    expect(port.congested).toBe(true);
    port.flush();
    expect(port.congested).toBe(true);
    port.acknowledge(1);
    expect(port.congested).toBe(false);
    expect(drains).toBe(1);
    port.acknowledge(2 ** 20);
    expect(drains).toBe(1);
  });

  it("makes the guest wait when its device cannot be told to", async () => {
    expect(port.stall()).toBeUndefined();
    port.write(new Uint8Array(5 * 2 ** 20));
    port.flush();
    const stalled = port.stall();
    expect(stalled).toBeDefined();
    expect(port.stall()).toBe(stalled);
    port.acknowledge(2 ** 20);
    await stalled;
    expect(port.stall()).toBeUndefined();
  });

  it("lets a waiting guest go that is to stop", async () => {
    port.write(new Uint8Array(5 * 2 ** 20));
    port.flush();
    const stalled = port.stall();
    port.release();
    await expect(stalled).resolves.toBeUndefined();
  });

  it("is congested in a replay when it was in the recording, whoever reads now", () => {
    const replayed = make(true);
    replayed.write(new Uint8Array(3 * 2 ** 20));
    expect(replayed.congested).toBe(false);
    replayed.replayCongestion(true);
    expect(replayed.congested).toBe(true);
  });
});

describe("input", () => {
  it("waits for a device, and is told as consumed when one took it", () => {
    port.push(bytes("early "));
    expect(consumed).toBe(0);
    port.attach(device);
    port.push(bytes("late"));
    expect(got).toBe("early late");
    expect(consumed).toBe(10);
  });

  it("waits while the device asks to, also in the middle of a chunk", async () => {
    port.attach((piece) => {
      device(piece);
      port.pause();
    });
    port.push(bytes("x".repeat(10_000)));
    expect(got.length).toBe(4096);
    port.resume();
    await new Promise((resolve) => setImmediate(resolve));
    expect(got.length).toBe(8192);
    port.resume();
    await new Promise((resolve) => setImmediate(resolve));
    expect(got.length).toBe(10_000);
    expect(consumed).toBe(10_000);
  });

  it("comes back for the next machine, ahead of the rest and counted once", () => {
    port.attach(device);
    port.push(bytes("ab"));
    port.pause();
    port.push(bytes("cd"));
    port.giveBack([bytes("b"), bytes("")]);
    got = "";
    port.attach(device);
    port.deliver();
    expect(got).toBe("bcd");
    expect(consumed).toBe(4);
  });
});
