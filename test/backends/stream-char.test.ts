import { PassThrough, Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { StreamChar } from "../../src/backends/stream-char.js";

const turn = () => new Promise((resolve) => setImmediate(resolve));
const bytes = (text: string) => new TextEncoder().encode(text);

/** Takes a chunk only when told to. */
class SlowOutput extends Writable {
  readonly chunks: string[] = [];
  #done: (() => void) | undefined;

  constructor() {
    super({ highWaterMark: 16 });
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.chunks.push(Buffer.from(chunk).toString());
    this.#done = done;
  }

  async take(): Promise<void> {
    this.#done?.();
    await turn();
  }
}

describe("a pair of streams as a serial line", () => {
  it("gathers what the guest writes in one turn", async () => {
    const output = new SlowOutput();
    const line = new StreamChar({ output });
    for (const letter of "hello") line.write(bytes(letter));
    expect(output.chunks).toEqual([]);
    await turn();
    expect(output.chunks).toEqual(["hello"]);
  });

  it("copies what it gathers", async () => {
    const output = new SlowOutput();
    const line = new StreamChar({ output });
    const reused = Buffer.from("a");
    line.write(reused);
    reused[0] = 0x62;
    line.write(reused);
    await turn();
    expect(output.chunks).toEqual(["ab"]);
  });

  it("is congested while the stream is, and says when it has drained", async () => {
    const output = new SlowOutput();
    const line = new StreamChar({ output });
    let drained = 0;
    line.attach(
      () => {},
      () => drained++,
    );
    expect(line.congested).toBe(false);
    line.write(bytes("more than sixteen bytes"));
    await turn();
    expect(line.congested).toBe(true);
    expect(drained).toBe(0);
    await output.take();
    expect(line.congested).toBe(false);
    expect(drained).toBe(1);
  });

  it("is congested by what it gathers alone, and drains with it", async () => {
    const output = new PassThrough({ highWaterMark: 1 << 20 });
    const line = new StreamChar({ output });
    let drained = 0;
    line.attach(
      () => {},
      () => drained++,
    );
    line.write(new Uint8Array(64 << 10));
    expect(line.congested).toBe(true);
    await turn();
    expect(line.congested).toBe(false);
    expect(drained).toBe(1);
  });

  it("lets output go nowhere once the stream has failed, and holds nobody up", async () => {
    const output = new SlowOutput();
    const line = new StreamChar({ output });
    let drained = 0;
    line.attach(
      () => {},
      () => drained++,
    );
    line.write(bytes("more than sixteen bytes"));
    await turn();
    output.destroy(new Error("EPIPE"));
    await turn();
    expect(drained).toBe(1);
    expect(line.congested).toBe(false);
    line.write(bytes("lost"));
    await turn();
    expect(output.chunks).toEqual(["more than sixteen bytes"]);
  });

  it("passes input on, text as well as bytes", async () => {
    const input = new PassThrough();
    const line = new StreamChar({ input });
    const got: string[] = [];
    line.attach((chunk) => got.push(Buffer.from(chunk).toString()));
    input.write("one");
    await turn();
    input.setEncoding("utf8");
    input.write("zwölf");
    await turn();
    expect(got).toEqual(["one", "zwölf"]);
  });

  it("stops reading while paused", async () => {
    const input = new PassThrough();
    const line = new StreamChar({ input });
    const got: string[] = [];
    line.attach((chunk) => got.push(Buffer.from(chunk).toString()));
    line.pause();
    input.write("later");
    await turn();
    expect(got).toEqual([]);
    line.resume();
    await turn();
    expect(got).toEqual(["later"]);
  });

  it("lets go of its streams when disposed, with what was written", async () => {
    const input = new PassThrough();
    const output = new SlowOutput();
    const line = new StreamChar({ input, output });
    line.attach(() => {});
    line.write(bytes("last words"));
    line[Symbol.dispose]();
    expect(output.chunks).toEqual(["last words"]);
    expect([input.listenerCount("data"), output.listenerCount("drain"), output.listenerCount("error")]).toEqual([
      0, 0, 0,
    ]);
  });

  it("works with either half missing", async () => {
    const line = new StreamChar({});
    line.attach(() => {});
    line.write(bytes("nowhere"));
    expect(line.congested).toBe(false);
    line.pause();
    line.resume();
  });
});
