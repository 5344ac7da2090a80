import { beforeEach, describe, expect, it } from "vitest";
import { VKernelConsole } from "../../src/api/console-stream.js";

let typed: Uint8Array[];
let acknowledged: number;
let size: unknown;
let console: VKernelConsole;

beforeEach(() => {
  typed = [];
  acknowledged = 0;
  size = undefined;
  console = new VKernelConsole({
    input: (bytes) => typed.push(bytes),
    acknowledge: (bytes) => {
      acknowledged += bytes;
    },
    resize: (columns, rows) => {
      size = [columns, rows];
    },
  });
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function readAll(): Promise<number> {
  let length = 0;
  for await (const chunk of console) length += (chunk as Buffer).length;
  return length;
}

describe("reading", () => {
  it("acknowledges what was read, and holds the guest back for what was not", async () => {
    console.once("readable", () => console.read(0));
    await turn();
    for (let chunk = 0; chunk < 100; chunk++) console.arrived(new Uint8Array(4096));
    await turn();
    // A stream reads ahead by its own buffer and no further.
    expect(acknowledged).toBeLessThan(100 * 4096);
    console.ended();
    expect(await readAll()).toBe(100 * 4096);
    expect(acknowledged).toBe(100 * 4096);
  });

  it("holds nobody back before there is a reader, and keeps the latest MiB for one", async () => {
    for (let chunk = 0; chunk < 300; chunk++) console.arrived(new Uint8Array(4096).fill(chunk));
    expect(acknowledged).toBe(300 * 4096);
    console.ended();
    let first: number | undefined;
    let length = 0;
    for await (const chunk of console) {
      first ??= (chunk as Buffer)[0];
      length += (chunk as Buffer).length;
    }
    expect(length).toBe(2 ** 20);
    expect(first).toBe(300 - 256);
    // Nothing of it is acknowledged a second time.
    expect(acknowledged).toBe(300 * 4096);
  });

  it("ends when the guest has, after all that it printed", async () => {
    console.arrived(Buffer.from("last words"));
    console.ended();
    let text = "";
    for await (const chunk of console) text += String(chunk);
    expect(text).toBe("last words");
  });
});

describe("writing", () => {
  it("is taken back by the caller at once: the bytes are a copy", () => {
    const buffer = Buffer.from("abc");
    console.write(buffer);
    buffer.fill(0);
    expect(Buffer.from(typed[0] ?? []).toString()).toBe("abc");
  });

  it("waits for the guest to take what was written", async () => {
    let written = 0;
    for (let chunk = 0; chunk < 40; chunk++) console.write(Buffer.alloc(4096), () => written++);
    await turn();
    // 64 KiB go out; the one that goes beyond that is out too, and has to wait.
    expect(typed.length).toBe(17);
    expect(written).toBe(16);
    console.consumed(17 * 4096);
    await turn();
    expect(typed.length).toBe(34);
    expect(written).toBe(33);
  });

  it("goes nowhere, and is no error, when the guest has ended", async () => {
    for (let chunk = 0; chunk < 20; chunk++) console.write(Buffer.alloc(4096));
    console.ended();
    await new Promise<void>((resolve, reject) => console.write("x", (error) => (error ? reject(error) : resolve())));
    expect(typed.length).toBe(17);
  });
});

describe("the window's size", () => {
  it("is handed on", () => {
    console.resize(132, 43);
    expect(size).toEqual([132, 43]);
  });

  it.each([
    [-1, 24],
    [80.5, 24],
    [80, 65536],
    [Number.NaN, 24],
  ])("cannot be %d by %d", (columns, rows) => {
    expect(() => console.resize(columns, rows)).toThrow(expect.objectContaining({ code: "ERR_VKRUN_CONSOLE_SIZE" }));
    expect(size).toBeUndefined();
  });
});
