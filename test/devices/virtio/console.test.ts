import { beforeEach, describe, expect, it } from "vitest";
import { VirtioConsole } from "../../../src/devices/virtio/console.js";
import { VirtioMmio } from "../../../src/devices/virtio/mmio-transport.js";
import { type DriverQueue, Register, VirtioDriver } from "../../support/virtqueue-driver.js";
import { FakeTerminal, type Surroundings, surroundings, Wire } from "../support.js";

const text = (value: string) => new TextEncoder().encode(value);

let world: Surroundings;
let terminal: FakeTerminal;
let wire: Wire;
let console: VirtioConsole;
let mmio: VirtioMmio;
let driver: VirtioDriver;
let rx: DriverQueue;
let tx: DriverQueue;

beforeEach(async () => {
  world = await surroundings();
  plug();
  start();
});

function plug(): void {
  terminal = new FakeTerminal();
  wire = new Wire();
  console = new VirtioConsole({
    name: "hvc0",
    context: world.context,
    backend: terminal,
    size: { columns: 80, rows: 24 },
  });
  mmio = new VirtioMmio({ slot: 1, device: console, interrupt: wire, core: world.queues });
  driver = new VirtioDriver(mmio, world.memory);
}

function start(): void {
  [rx, tx] = driver.start({ queues: 2 }) as [DriverQueue, DriverQueue];
}

function size(): [number, number] {
  return [mmio.read(Register.Config, 2), mmio.read(Register.Config + 2, 2)];
}

describe("a virtio console", () => {
  it("tells the window's size, and interrupts when it changes", () => {
    expect(size()).toEqual([80, 24]);
    expect([...driver.offered].filter((bit) => bit < 24)).toEqual([0]);
    const generation = driver.get(Register.ConfigGeneration);
    console.resize(132, 50);
    expect(size()).toEqual([80, 24]);
    const [posted] = world.gate.open();
    expect([posted?.label, posted?.payload]).toEqual(["hvc0:resize:0", Uint8Array.of(132, 0, 50, 0)]);
    expect(size()).toEqual([132, 50]);
    expect(driver.get(Register.ConfigGeneration)).not.toBe(generation);
    expect(driver.takeInterrupt()).toBe(2);
  });

  it("writes what the guest sends, in order and in whatever buffers", () => {
    const bytes = driver.buffer(text("hello, "));
    tx.add({ readable: [bytes] });
    tx.add({ readable: [driver.buffer(text("wor")), driver.buffer(text("ld"))] });
    tx.kick();
    expect(terminal.text).toBe("hello, world");
    expect(tx.used()).toHaveLength(2);
    expect(wire.level).toBe(true);
  });

  it("gives the guest what is typed, as its buffers allow", () => {
    const first = driver.buffer(4);
    const second = driver.buffer(16);
    rx.add({ writable: [first] });
    rx.add({ writable: [second] });
    rx.kick();
    terminal.type("ls -l\n");
    expect(rx.used()).toEqual([]);
    world.gate.open();
    expect(rx.used()).toEqual([
      { head: 0, length: 4 },
      { head: 1, length: 2 },
    ]);
    expect(new TextDecoder().decode(driver.bytes(first))).toBe("ls -");
    expect(new TextDecoder().decode(driver.bytes(second).subarray(0, 2))).toBe("l\n");
  });

  it("loses no input that comes before the driver, through resets, or faster than it is read", () => {
    driver.set(Register.Status, 0);
    const sent = Array.from({ length: 500 }, (_, index) => `line ${index}\n`);
    for (const line of sent) terminal.type(line);
    world.gate.open();
    mmio.reset();
    start();
    let got = "";
    for (let round = 0; round < 2000 && got.length < sent.join("").length; round++) {
      const mark = world.memory.mark();
      const buffer = driver.buffer(7);
      rx.add({ writable: [buffer] });
      rx.kick();
      for (const { length } of rx.used()) got += new TextDecoder().decode(driver.bytes(buffer).subarray(0, length));
      world.memory.release(mark);
    }
    expect(got).toBe(sent.join(""));
  });

  it("pauses a terminal that sends more than the guest reads, and resumes it", () => {
    for (let sent = 0; sent < 64 << 10; sent += 4096) {
      expect(terminal.paused).toBe(false);
      terminal.type("x".repeat(4096));
    }
    expect(terminal.paused).toBe(true);
    world.gate.open();
    expect(terminal.paused).toBe(true);
    for (let read = 0; read < 48 << 10; read += 4096) {
      expect(terminal.paused).toBe(true);
      rx.add({ writable: [driver.buffer(4096)] });
      rx.kick();
    }
    expect(terminal.paused).toBe(false);
  });

  it("holds output back while the terminal is congested, and goes on when it has drained", () => {
    terminal.congested = true;
    tx.add({ readable: [driver.buffer(text("one"))] });
    tx.kick();
    expect(world.gate.open().map(({ label }) => label)).toEqual(["hvc0:congested:0"]);
    tx.used();
    tx.add({ readable: [driver.buffer(text("two"))] });
    mmio.write(Register.QueueNotify, 4, 1);
    expect(terminal.text).toBe("one");
    expect(tx.used()).toEqual([]);
    terminal.drain();
    expect(terminal.text).toBe("one");
    expect(world.gate.open().map(({ label }) => label)).toEqual(["hvc0:drained:0"]);
    expect(terminal.text).toBe("onetwo");
    expect(tx.used()).toHaveLength(1);
  });

  it("writes output of any length, a bounded part of it at a time", () => {
    // 8 MiB, of 2 MiB of memory four times over.
    const buffer = driver.buffer(2 << 20);
    world.memory.view(buffer.gpa, buffer.length).fill(0x61);
    tx.add({ readable: [buffer, buffer, buffer, buffer], indirect: true });
    tx.kick();
    expect(terminal.length).toBe(256 << 10);
    // More notifications bring more output, but no more continuations.
    for (let round = 0; round < 3; round++) mmio.write(Register.QueueNotify, 4, 1);
    expect(terminal.length).toBe(4 * (256 << 10));
    let turns = 0;
    while (turns < 100 && world.gate.waiting.length > 0) {
      expect(world.gate.waiting).toHaveLength(1);
      const before = terminal.length;
      world.gate.open();
      expect(terminal.length - before).toBeLessThanOrEqual(256 << 10);
      turns++;
    }
    expect(terminal.length).toBe(8 << 20);
    expect(tx.used()).toHaveLength(1);
  });

  it("serves a bounded number of requests at a time, even if each brings another", () => {
    const empty = driver.buffer(1);
    // What a guest's own hart could do, or rings that overlap.
    terminal.onWrite = () => {
      tx.used();
      tx.add({ readable: [empty] });
    };
    tx.add({ readable: [empty] });
    tx.kick();
    expect(terminal.length).toBe(256);
    world.gate.open();
    expect(terminal.length).toBe(512);
    expect(world.gate.waiting).toHaveLength(1);
  });
});

describe("a saved virtio console", () => {
  it("has its size, waiting input and half-written output", () => {
    console.resize(100, 30);
    terminal.type("pending");
    const buffer = driver.buffer(1 << 20);
    world.memory.view(buffer.gpa, buffer.length).fill(0x62);
    world.gate.open();
    tx.add({ readable: [buffer] });
    tx.kick();
    const written = terminal.length;
    expect(written).toBe(256 << 10);
    world.gate.waiting.length = 0;
    const state = structuredClone(mmio.save());

    plug();
    mmio.restore(state);
    expect(size()).toEqual([100, 30]);
    while (world.gate.open().length > 0);
    expect(written + terminal.length).toBe(1 << 20);
    expect(tx.used()).toHaveLength(1);
    const input = driver.buffer(16);
    rx.add({ writable: [input] });
    mmio.write(Register.QueueNotify, 4, 0);
    expect(rx.used()).toEqual([{ head: 0, length: 7 }]);
    expect(new TextDecoder().decode(driver.bytes(input).subarray(0, 7))).toBe("pending");
  });
});
