// Every virtio device with something behind it, for a driver that does anything at all.

import { MemoryBlock } from "../../src/backends/memory-block.js";
import { memoryCable } from "../../src/backends/memory-net.js";
import { STREAM_WINDOW, type VsockBackend, type VsockGuest } from "../../src/backends/vsock-backend.js";
import { Virtio9p } from "../../src/devices/virtio/9p.js";
import { VirtioBalloon } from "../../src/devices/virtio/balloon.js";
import { VirtioBlk } from "../../src/devices/virtio/blk.js";
import { VirtioConsole } from "../../src/devices/virtio/console.js";
import { VirtioNet } from "../../src/devices/virtio/net.js";
import { VirtioRng } from "../../src/devices/virtio/rng.js";
import type { VirtioDevice } from "../../src/devices/virtio/virtio-device.js";
import { VirtioVsock } from "../../src/devices/virtio/vsock.js";
import { encodeHeader, HOST_CID, TYPE_STREAM, VsockOp } from "../../src/devices/virtio/vsock-packet.js";
import { FakeTerminal, type Surroundings } from "../devices/support.js";
import type { HartRandom } from "../support/hart-random.js";
import { packet, vectors } from "../support/net-peer.js";

export interface Subject {
  readonly device: VirtioDevice;
  /** Something happens on the host's side. */
  poke(random: HartRandom): void;
  /** The host's side holds nothing up any more. */
  calm(): void;
  /** A request that the device completes: sizes of its buffers, and the queue that it goes to. */
  readonly honest: {
    readonly queue: number;
    readonly readable: readonly Uint8Array[];
    readonly writable: readonly number[];
  };
}

/** Takes its time, and fails now and then. */
class MoodyBlock extends MemoryBlock {
  readonly #random: HartRandom;

  constructor(random: HartRandom) {
    super({ bytes: new Uint8Array(1 << 20) });
    this.#random = random;
  }

  override async read(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    await this.#mood();
    return super.read(offset, buffers);
  }

  override async write(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    await this.#mood();
    return super.write(offset, buffers);
  }

  async #mood(): Promise<void> {
    if (this.#random.chance(30)) await new Promise((resolve) => setImmediate(resolve));
    if (this.#random.chance(3)) throw Object.assign(new Error("no space"), { code: "ENOSPC" });
  }
}

/** A packet that a guest with the CID 3 may send, but not at any time. */
function guestPacket(random: HartRandom): Uint8Array {
  const length = random.chance(50) ? random.below(300) : 0;
  const header = encodeHeader({
    sourceCid: 3n,
    destinationCid: HOST_CID,
    sourcePort: random.below(4),
    destinationPort: random.below(4),
    length,
    type: TYPE_STREAM,
    op: random.chance(50) ? VsockOp.REQUEST : random.below(9),
    flags: random.below(4),
    bufferSize: random.chance(80) ? STREAM_WINDOW : random.bits32(),
    forwarded: random.chance(80) ? 0 : random.bits32(),
  });
  const packet = new Uint8Array(header.length + length);
  packet.set(header);
  return packet;
}

export const SUBJECTS: Readonly<Record<string, (world: Surroundings, random: HartRandom) => Subject>> = {
  blk: ({ context }, random) => ({
    device: new VirtioBlk({ name: "vda", context, backend: new MoodyBlock(random) }),
    poke: () => undefined,
    calm: () => undefined,
    honest: { queue: 0, readable: [new Uint8Array(16)], writable: [512, 1] },
  }),
  net: ({ context }, random) => {
    const offloads = { checksum: true, tso4: true, tso6: true, ecn: true, ufo: true, uso: true };
    const [port, peer] = memoryCable({ mtu: 1500, offloads });
    const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
    return {
      device: new VirtioNet({ name: "net0", context, backend: port, mac, logged: random.chance(50) }),
      calm: () => undefined,
      poke: (random) => {
        const length = 14 + random.below(random.chance(20) ? 65_000 : 1600);
        peer.send(vectors(packet(new Uint8Array(length), { gsoType: length > 1518 ? 1 : 0 })));
      },
      honest: { queue: 1, readable: [new Uint8Array(72)], writable: [] },
    };
  },
  console: ({ context }) => {
    const ends = [new FakeTerminal(), new FakeTerminal(), new FakeTerminal()] as const;
    const device = new VirtioConsole({
      name: "hvc0",
      context,
      backend: ends[0],
      ports: [
        { name: "one", backend: ends[1], isConsole: true },
        { name: "two", backend: ends[2], isConsole: false },
      ],
    });
    return {
      device,
      calm: () => {
        for (const end of ends) end.drain();
      },
      poke: (random) => {
        const end = ends[random.below(3)] ?? ends[0];
        end.chunks.length = 0;
        if (random.chance(50) && !end.paused) end.type("x".repeat(1 + random.below(3000)));
        else if (random.chance(50)) end.congested = true;
        else if (end.congested) end.drain();
        if (random.chance(20)) device.resize(random.below(200), 20, random.below(4));
      },
      honest: { queue: 1, readable: [Uint8Array.of(65)], writable: [] },
    };
  },
  rng: ({ context }, random) => ({
    device: new VirtioRng({
      name: "rng0",
      context,
      entropy: async (length) => {
        if (random.chance(3)) throw new Error("no entropy");
        return new Uint8Array(length).fill(1);
      },
    }),
    poke: () => undefined,
    calm: () => undefined,
    honest: { queue: 0, readable: [], writable: [8] },
  }),
  balloon: ({ context }) => {
    const device = new VirtioBalloon({ name: "balloon0", context });
    return {
      device,
      calm: () => undefined,
      poke: (random) => {
        if (random.chance(50)) device.setTarget(random.bits32());
        else device.pollStats();
      },
      honest: { queue: 0, readable: [new Uint8Array(4)], writable: [] },
    };
  },
  "9p": ({ context }, random) => ({
    device: new Virtio9p({
      name: "share0",
      context,
      tag: "share",
      server: {
        handle: async (message, room) => {
          if (random.chance(30)) await new Promise((resolve) => setImmediate(resolve));
          return new Uint8Array(Math.min(room, message.length)).fill(2);
        },
        reset: () => undefined,
        save: () => null,
        restore: () => undefined,
      },
    }),
    poke: () => undefined,
    calm: () => undefined,
    honest: { queue: 0, readable: [Uint8Array.of(11, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0)], writable: [64] },
  }),
  vsock: ({ context }, random) => {
    let guest: VsockGuest | undefined;
    const ignore = (): void => undefined;
    const backend: VsockBackend = {
      attach: (newest) => {
        guest = newest;
      },
      request: (key) => (random.chance(80) ? guest?.accept(key) : guest?.refuse(key)),
      accepted: (key) => guest?.data(key, new Uint8Array(100)),
      write: (key, bytes) => guest?.consumed(key, bytes.length),
      ...{ taken: ignore, end: ignore, close: ignore },
    };
    const device = new VirtioVsock({ name: "vsock0", context, backend, cid: 3 });
    return {
      device,
      calm: () => undefined,
      poke: () => {
        const key = { hostPort: random.bits32() & 3, guestPort: random.bits32() & 3 };
        if (random.chance(20)) device.connect(key);
        else if (random.chance(70)) device.data(key, new Uint8Array(random.bits32() & 0xfff));
        else if (random.chance(30)) device.resetTransport();
        else if (random.chance(50)) device.end(key);
        else device.close(key);
      },
      honest: {
        queue: 1,
        // Of streams that there are, were, or might be.
        get readable() {
          return [guestPacket(random)];
        },
        writable: [],
      },
    };
  },
};
