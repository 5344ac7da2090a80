import { beforeEach, describe, expect, it } from "vitest";
import { VirtioConsole } from "../../../src/devices/virtio/console.js";
import { VirtioMmio } from "../../../src/devices/virtio/mmio-transport.js";
import { type Buffer as Chunk, type DriverQueue, Register, VirtioDriver } from "../../support/virtqueue-driver.js";
import { FakeTerminal, type Surroundings, surroundings, Wire } from "../support.js";

const text = (value: string) => new TextEncoder().encode(value);

/** Somebody may be there or not. */
class FakePlug extends FakeTerminal {
  connected = false;
  #onConnected: (connected: boolean) => void = () => {};

  override attach(
    onData: (bytes: Uint8Array) => void,
    onDrain?: () => void,
    onConnected: (connected: boolean) => void = () => {},
  ): void {
    super.attach(onData, onDrain);
    this.#onConnected = onConnected;
  }

  connect(connected: boolean): void {
    this.connected = connected;
    this.#onConnected(connected);
  }
}

const [ADD, READY, CONSOLE, RESIZE, OPEN, NAME] = [1, 3, 4, 5, 6, 7];

let world: Surroundings;
let tty: FakeTerminal;
let agent: FakePlug;
let console: VirtioConsole;
let mmio: VirtioMmio;
let driver: VirtioDriver;
let queues: DriverQueue[];
let listening: Chunk[];

beforeEach(async () => {
  world = await surroundings();
  plug();
  start();
});

function plug(): void {
  tty = new FakeTerminal();
  agent = new FakePlug();
  console = new VirtioConsole({
    name: "hvc0",
    context: world.context,
    backend: new FakeTerminal(),
    size: { columns: 80, rows: 24 },
    ports: [
      { name: "tty", backend: tty, isConsole: true },
      { name: "agent", backend: agent, isConsole: false },
    ],
  });
  mmio = new VirtioMmio({ slot: 1, device: console, interrupt: new Wire(), core: world.queues });
  driver = new VirtioDriver(mmio, world.memory);
}

function start(): void {
  queues = driver.start({ queues: 8 });
  listening = [];
}

const queue = (index: number): DriverQueue => queues[index] as DriverQueue;

function say(id: number, event: number, value: number): void {
  const message = new Uint8Array(8);
  const fields = new DataView(message.buffer);
  fields.setUint32(0, id, true);
  fields.setUint16(4, event, true);
  fields.setUint16(6, value, true);
  queue(3).add({ readable: [driver.buffer(message)] });
  driver.set(Register.QueueNotify, 3);
  queue(3).used();
}

/** What the device says, given buffers for so many messages. */
function hear(count: number): [id: number, event: number, value: number, rest: number[]][] {
  while (listening.length < count) {
    const buffer = driver.buffer(64);
    queue(2).add({ writable: [buffer] });
    listening.push(buffer);
  }
  driver.set(Register.QueueNotify, 2);
  return queue(2)
    .used()
    .map(({ length }) => {
      const bytes = driver.bytes(listening.shift() as Chunk).subarray(0, length);
      const fields = new DataView(bytes.buffer, bytes.byteOffset, length);
      return [fields.getUint32(0, true), fields.getUint16(4, true), fields.getUint16(6, true), [...bytes.subarray(8)]];
    });
}

function introduce(): void {
  say(0, 0, 1);
  hear(8);
  for (const id of [0, 1, 2]) say(id, READY as number, 1);
  hear(16);
}

function read(index: number, length = 16): string {
  const buffer = driver.buffer(length);
  queue(index).add({ writable: [buffer] });
  driver.set(Register.QueueNotify, index);
  return queue(index)
    .used()
    .map(({ length: got }) => new TextDecoder().decode(driver.bytes(buffer).subarray(0, got)))
    .join("");
}

function write(index: number, value: string): void {
  queue(index).add({ readable: [driver.buffer(text(value))] });
  driver.set(Register.QueueNotify, index);
  queue(index).used();
}

describe("a virtio console with ports", () => {
  it("offers them, and has queues for each", () => {
    expect([...driver.offered].filter((bit) => bit < 24)).toEqual([0, 1]);
    expect(mmio.read(Register.Config + 4, 4)).toBe(3);
    expect(console.queueSizes).toHaveLength(8);
  });

  it("introduces its ports: that they are there, and then what each is", () => {
    expect(hear(4)).toEqual([]);
    say(0, 0, 1);
    expect(hear(4)).toEqual([0, 1, 2].map((id) => [id, ADD, 0, []]));
    say(0, READY as number, 1);
    expect(hear(8)).toEqual([
      [0, CONSOLE, 1, []],
      [0, RESIZE, 0, [80, 0, 24, 0]],
      [0, OPEN, 1, []],
    ]);
    say(1, READY as number, 1);
    expect(hear(8)).toEqual([
      [1, CONSOLE, 1, []],
      [1, NAME, 1, [...text("tty"), 0]],
      [1, RESIZE, 0, [0, 0, 0, 0]],
      [1, OPEN, 1, []],
    ]);
    say(2, READY as number, 1);
    expect(hear(8)).toEqual([
      [2, NAME, 1, [...text("agent"), 0]],
      [2, OPEN, 0, []],
    ]);
  });

  it("tells when somebody comes to a port and leaves it, and when a window changes", () => {
    introduce();
    agent.connect(true);
    console.resize(100, 30, 1);
    console.resize(90, 20);
    expect(hear(0)).toEqual([]);
    expect(world.gate.open().map(({ label }) => label)).toEqual([
      "hvc0:connected2:0",
      "hvc0:resize1:0",
      "hvc0:resize:0",
    ]);
    expect(hear(0)).toEqual([
      [2, OPEN, 1, []],
      [1, RESIZE, 0, [100, 0, 30, 0]],
      [0, RESIZE, 0, [90, 0, 20, 0]],
    ]);
  });

  it("carries each port's bytes by its own queues", () => {
    introduce();
    write(5, "to the terminal");
    write(7, "to the agent");
    expect([tty.text, agent.text]).toEqual(["to the terminal", "to the agent"]);
    tty.type("from the terminal");
    world.gate.open();
    expect(read(4, 32)).toBe("from the terminal");
    expect(read(6)).toBe("");
  });

  it("keeps what comes for a port until a program of the guest has it open", () => {
    introduce();
    agent.type("early");
    world.gate.open();
    expect(read(6)).toBe("");
    say(2, OPEN as number, 1);
    // The buffer that was there takes it, and no other.
    expect(queue(6).used()).toEqual([{ head: 0, length: 5 }]);
    say(2, OPEN as number, 0);
    agent.type("late");
    world.gate.open();
    expect(read(6)).toBe("");
  });

  it("holds up one port's output while its end is congested, and not the others'", () => {
    introduce();
    agent.congested = true;
    write(7, "one");
    world.gate.open();
    write(7, "two");
    write(5, "other");
    expect([agent.text, tty.text]).toEqual(["one", "other"]);
    agent.drain();
    world.gate.open();
    expect(agent.text).toBe("onetwo");
  });

  it("ignores control messages that are short, or about ports that are not there", () => {
    say(77, READY as number, 1);
    say(0xffff_ffff, OPEN as number, 1);
    queue(3).add({ readable: [driver.buffer(7)] });
    driver.set(Register.QueueNotify, 3);
    expect(queue(3).used()).toHaveLength(1);
    expect(console.counters.dropped).toBe(3);
    expect(hear(4)).toEqual([]);
  });

  it("keeps nothing for a driver that does not listen but what is true at last", () => {
    introduce();
    // The buffers that it has left are used; then nothing is said any more.
    const left = listening.length;
    for (let round = 0; round < 1000; round++) {
      agent.connect(round % 2 === 0);
      console.resize(round, 1, 1);
      world.gate.open();
    }
    expect(hear(0)).toHaveLength(left);
    expect(hear(4).map(([id, event]) => [id, event])).toEqual([
      [1, RESIZE],
      [2, OPEN],
    ]);
  });

  it("is a plain console to a driver without MULTIPORT", () => {
    driver.start({ queues: 2, features: [0, 32] });
    write(1, "x");
    console.resize(1, 2);
    world.gate.open();
    expect(mmio.read(Register.Config, 4)).toBe(0x2_0001);
  });

  it("refuses a name that the guest could not read", () => {
    for (const name of ["", "x".repeat(64), "a\0b"]) {
      const ports = [{ name, backend: new FakeTerminal(), isConsole: false }];
      expect(() => new VirtioConsole({ name: "x", context: world.context, backend: tty, ports })).toThrow(
        expect.objectContaining({ code: "ERR_VKRUN_INVALID_OPTION" }),
      );
    }
  });

  it("comes back from its saved state with what either side knows", () => {
    introduce();
    say(2, OPEN as number, 1);
    agent.connect(true);
    world.gate.open();
    agent.type("kept");
    world.gate.open();
    const state = structuredClone(mmio.save());
    plug();
    mmio.restore(state);
    expect(hear(4)).toEqual([[2, OPEN, 1, []]]);
    expect(read(6)).toBe("kept");
  });
});
