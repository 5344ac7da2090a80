// A machine's surroundings for one device: the wasm core for its queues and RAM, and a gate that opens on command.

import type { CharBackend } from "../../src/backends/char-backend.js";
import type {
  ApplyInput,
  DeviceContext,
  GuestClock,
  GuestMemory,
  InputGate,
  InterruptLine,
} from "../../src/devices/device.js";
import { type VirtqueueCore, type VirtqueueExports, virtqueueCore } from "../../src/devices/virtio/virtqueue-core.js";
import { Layout } from "../../src/generated/layout.js";
import { Core } from "../../src/wasm/core.js";
import { DriverMemory } from "../support/virtqueue-driver.js";

export interface Posted {
  readonly label: string;
  readonly apply: ApplyInput;
  readonly payload: Uint8Array | undefined;
}

/** An input gate by hand: events wait until the test lets them in. */
export class ManualGate implements InputGate {
  readonly waiting: Posted[] = [];

  post(label: string, apply: ApplyInput, payload?: Uint8Array): void {
    this.waiting.push({ label, apply, payload });
  }

  /** Applies what waits now, but not what that brings about. */
  open(): Posted[] {
    const batch = this.waiting.splice(0);
    for (const { apply, payload } of batch) apply(payload);
    return batch;
  }

  /** Applies events until there are none, with time for host I/O in between. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      await new Promise((resolve) => setImmediate(resolve));
      quiet = this.open().length > 0 ? 0 : quiet + 1;
    }
  }
}

export class ManualClock implements GuestClock {
  now = 0n;
  bootNs = 1_700_000_000_000_000_000n;

  ticks(): bigint {
    return this.now;
  }

  wallNs(): bigint {
    return this.bootNs + this.now * 100n;
  }
}

/** Remembers a wire's level and how often it rose. */
export class Wire implements InterruptLine {
  level = false;
  rises = 0;

  set(level: boolean): void {
    if (level && !this.level) this.rises++;
    this.level = level;
  }
}

/** A terminal by hand. */
export class FakeTerminal implements CharBackend {
  readonly chunks: Uint8Array[] = [];
  congested = false;
  paused = false;
  onWrite: () => void = () => {};
  #onData: (bytes: Uint8Array) => void = () => {};
  #onDrain: () => void = () => {};

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  get length(): number {
    return this.chunks.reduce((total, { length }) => total + length, 0);
  }

  write(bytes: Uint8Array): void {
    this.chunks.push(new Uint8Array(bytes));
    this.onWrite();
  }

  attach(onData: (bytes: Uint8Array) => void, onDrain: () => void = () => {}): void {
    this.#onData = onData;
    this.#onDrain = onDrain;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  type(text: string): void {
    this.#onData(Buffer.from(text));
  }

  drain(): void {
    this.congested = false;
    this.#onDrain();
  }
}

export interface Surroundings {
  readonly core: Core;
  readonly queues: VirtqueueCore;
  readonly memory: DriverMemory;
  readonly gate: ManualGate;
  readonly clock: ManualClock;
  readonly context: DeviceContext;
}

/** The core's exports as the queue code offers them. */
export function queueExports(core: Core): VirtqueueExports {
  return core.exports as unknown as VirtqueueExports;
}

export async function instantiateCore(ramBytes: number, copiesFull: () => void = () => {}): Promise<Core> {
  return Core.instantiate(await Core.load(), Core.allocate(ramBytes), ramBytes, {
    copiesFull,
    mmioLoad: () => 0,
    mmioStore: () => {},
    consoleWrite: () => {},
    consoleRead: () => 0,
  });
}

/** Whether the page of `gpa` is marked as changed; `clear` forgets all marks. */
export function isDirty(core: Core, gpa: number): boolean {
  const page = (gpa - 0x8000_0000) >>> 12;
  return (((core.bytes[Layout.DIRTY.BITMAP + (page >>> 3)] ?? 0) >> (page & 7)) & 1) !== 0;
}

export function clearDirty(core: Core): void {
  core.bytes.fill(0, Layout.DIRTY.BITMAP, Layout.DIRTY.BITMAP + (core.ramBytes >>> 15) + 1);
}

export async function surroundings(ramBytes = 16 << 20): Promise<Surroundings> {
  const core = await instantiateCore(ramBytes);
  const gate = new ManualGate();
  const clock = new ManualClock();
  const base = 0x8000_0000;
  const memory: GuestMemory = {
    base,
    size: ramBytes,
    view: (gpa, length) => core.ram.subarray(gpa - base, gpa - base + length),
    discard: (gpa, length) => {
      memory.view(gpa, length).fill(0);
      memory.wrote(gpa, length);
    },
    wrote: (gpa, length) => core.exports.ramWritten(BigInt(gpa), length),
  };
  return {
    core,
    queues: virtqueueCore(core.memory.buffer, queueExports(core)),
    memory: new DriverMemory(core.ram),
    gate,
    clock,
    context: { memory, clock, input: gate },
  };
}

/** Equality for buffers of megabytes, which `toEqual` takes minutes over. */
export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
