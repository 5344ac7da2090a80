import { beforeAll, describe, expect, it } from "vitest";
import { MemoryBlock } from "../../../src/backends/memory-block.js";
import { VirtioBlk } from "../../../src/devices/virtio/blk.js";
import { VirtioMmio } from "../../../src/devices/virtio/mmio-transport.js";
import { HartRandom } from "../../support/hart-random.js";
import type { PackedDriverQueue } from "../../support/packed-driver.js";
import { DriverMemory, type DriverQueue, Feature, VirtioDriver } from "../../support/virtqueue-driver.js";
import { type Surroundings, surroundings, Wire } from "../support.js";

const SECTOR = 512;
const REQUESTS = 200;

/** Takes some turns of the event loop over each write, and remembers them all. */
class SlowBlock extends MemoryBlock {
  readonly writes: number[] = [];

  constructor(readonly random: HartRandom) {
    super({ bytes: new Uint8Array(REQUESTS * SECTOR) });
  }

  override async write(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    for (let turns = this.random.below(4); turns > 0; turns--) await new Promise((turn) => setImmediate(turn));
    this.writes.push(offset / SECTOR);
    await super.write(offset, buffers);
  }
}

let world: Surroundings;
beforeAll(async () => {
  world = await surroundings();
});

function plug(backend: SlowBlock, packed: boolean): { device: VirtioBlk; mmio: VirtioMmio } {
  const device = new VirtioBlk({ name: "vda", context: world.context, backend });
  return { device, mmio: new VirtioMmio({ slot: 0, device, interrupt: new Wire(), core: world.queues, packed }) };
}

/** Freezes a device, lets what is under way end, and goes on in another one. */
async function move({ device, mmio }: ReturnType<typeof plug>, backend: SlowBlock, packed: boolean) {
  device.freeze();
  do {
    await device.quiesce();
    while (world.gate.open().length > 0);
  } while (device.busy);
  const state = structuredClone(mmio.save());
  const next = plug(backend, packed);
  next.mmio.restore(state);
  expect(world.gate.waiting).toEqual([]);
  next.device.thaw();
  return next;
}

describe.each([
  ["split", false],
  ["packed", true],
])("a disk with %s rings", (_form, packed) => {
  it("does every request once, and answers it once, over any number of checkpoints in the middle of them", async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const random = new HartRandom(seed);
      const backend = new SlowBlock(random);
      let machine = plug(backend, packed);
      const memory = new DriverMemory(world.core.ram);
      // The driver knows nothing of checkpoints: its device's registers are wherever the device is.
      const driver = new VirtioDriver(
        {
          read: (offset, size) => machine.mmio.read(offset, size),
          write: (offset, size, value) => machine.mmio.write(offset, size, value),
        },
        memory,
      );
      const features = [Feature.VERSION_1, Feature.INDIRECT_DESC, Feature.EVENT_IDX];
      const queues: (DriverQueue | PackedDriverQueue)[] = packed
        ? driver.startPacked({ queues: 1, size: 32, features: [...features, Feature.RING_PACKED] })
        : driver.start({ queues: 1, size: 32, features });
      const queue = queues[0] as DriverQueue | PackedDriverQueue;
      const status = driver.buffer(1);
      let answered = 0;
      let checkpoints = 0;
      let steps = 0;
      for (let sent = 0; answered < REQUESTS; ) {
        const what = random.below(10);
        if (what < 5 && sent < REQUESTS && queue.freeDescriptors >= 3) {
          const header = new Uint8Array(16);
          new DataView(header.buffer).setUint32(0, 1, true);
          new DataView(header.buffer).setBigUint64(8, BigInt(sent), true);
          queue.add({
            readable: [driver.buffer(header), driver.buffer(new Uint8Array(SECTOR).fill(1 + (sent % 255)))],
            writable: [status],
            indirect: random.chance(50),
          });
          queue.kick();
          sent++;
        } else if (what === 5) {
          machine = await move(machine, backend, packed);
          checkpoints++;
        } else if (what < 8) await new Promise((turn) => setImmediate(turn));
        else world.gate.open();
        answered += queue.used().length;
        if (++steps > 20_000) throw new Error(`with seed ${seed}, ${answered} of ${sent} requests were answered`);
      }
      expect(checkpoints).toBeGreaterThan(5);
      expect([...backend.writes].sort((a, b) => a - b)).toEqual(Array.from({ length: REQUESTS }, (_, index) => index));
      await machine.device.quiesce();
      world.gate.open();
      expect(queue.used()).toEqual([]);
    }
  });
});
