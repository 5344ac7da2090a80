import { beforeEach, describe, expect, it } from "vitest";
import { VirtqDesc, VirtqError } from "../../assembly/shared/virtq.js";
import { QueueBench, RAM_BYTES } from "./queue-bench.js";

const BASE = 0x8000_0000;
const END = BASE + RAM_BYTES;

let bench: QueueBench;

beforeEach(async () => {
  bench = await QueueBench.create({ size: 8 });
});

describe("broken descriptor chains", () => {
  const buffer = { addr: BASE, len: 1, flags: 0, next: 0 };

  function expectError(error: VirtqError): void {
    expect(bench.pop()).toBe(-error);
    // It stays broken, and completes nothing, until it is started again.
    expect(bench.pop()).toBe(-error);
    expect(bench.interruptDue()).toBe(false);
    expect(bench.start()).toBe(VirtqError.NONE);
  }

  it("rejects a chain that loops", () => {
    bench.driver.writeDesc(0, { ...buffer, flags: VirtqDesc.NEXT, next: 1 });
    bench.driver.writeDesc(1, { ...buffer, flags: VirtqDesc.NEXT, next: 0 });
    bench.driver.offer(0);
    expectError(VirtqError.CHAIN_LENGTH);
  });

  it("rejects a loop of empty buffers", () => {
    bench.driver.writeDesc(0, { ...buffer, len: 0, flags: VirtqDesc.NEXT, next: 0 });
    bench.driver.offer(0);
    expectError(VirtqError.CHAIN_LENGTH);
  });

  it("rejects an indirect chain longer than the queue", () => {
    bench.driver.add({ readable: Array.from({ length: 9 }, () => ({ gpa: BASE, length: 1 })), indirect: true });
    expectError(VirtqError.CHAIN_LENGTH);
  });

  it("rejects a head and a next beyond the table", () => {
    bench.driver.offer(8);
    expectError(VirtqError.HEAD_INDEX);
    bench.restart({ size: 8 });
    bench.driver.writeDesc(3, { ...buffer, flags: VirtqDesc.NEXT, next: 8 });
    bench.driver.offer(3);
    expectError(VirtqError.NEXT_INDEX);
  });

  it("rejects a next beyond an indirect table, even if the queue's own has it", () => {
    const table = bench.memory.allocate(16);
    bench.driver.writeDescAt(table, 0, { ...buffer, flags: VirtqDesc.NEXT, next: 1 });
    bench.driver.writeDesc(0, { addr: table, len: 16, flags: VirtqDesc.INDIRECT, next: 0 });
    bench.driver.offer(0);
    expectError(VirtqError.NEXT_INDEX);
  });

  it.each<[string, number | bigint, number]>([
    ["below RAM", BASE - 1, 1],
    ["at the end of RAM", END, 1],
    ["across the end of RAM", END - 1, 2],
    ["from the first byte to behind the last", BASE, RAM_BYTES + 1],
    ["that wraps around the address space", 2n ** 64n - 1n, 2],
    ["whose address and length come to RAM modulo 2^32", 2n ** 32n + BigInt(BASE), 1],
  ])("rejects a buffer %s", (_what, addr, len) => {
    bench.driver.writeDesc(0, { addr, len, flags: VirtqDesc.WRITE, next: 0 });
    bench.driver.offer(0);
    expectError(VirtqError.BUFFER_ADDRESS);
  });

  it("rejects buffers that come to 4 GiB together", async () => {
    // 1024 buffers of all RAM: 4 GiB in 4 MiB of guest memory.
    bench.restart({ size: 1024 });
    for (let index = 0; index < 1024; index++) {
      bench.driver.writeDesc(index, { addr: BASE, len: RAM_BYTES, flags: VirtqDesc.NEXT, next: index + 1 });
    }
    bench.driver.writeDesc(1023, { addr: BASE, len: RAM_BYTES - 1, flags: 0, next: 0 });
    bench.driver.offer(0);
    const popped = bench.popRequest();
    expect(popped.readable).toHaveLength(1024);
    bench.push(popped);
    bench.driver.writeDesc(1023, { addr: BASE, len: RAM_BYTES, flags: 0, next: 0 });
    bench.driver.offer(0);
    expectError(VirtqError.TOTAL_LENGTH);
  });

  it("rejects a readable buffer behind a writable one", () => {
    bench.driver.writeDesc(0, { ...buffer, flags: VirtqDesc.WRITE | VirtqDesc.NEXT, next: 1 });
    bench.driver.writeDesc(1, buffer);
    bench.driver.offer(0);
    expectError(VirtqError.BUFFER_ORDER);
  });

  it("rejects an indirect descriptor inside an indirect table", () => {
    const table = bench.memory.allocate(16);
    bench.driver.writeDescAt(table, 0, { addr: table, len: 16, flags: VirtqDesc.INDIRECT, next: 0 });
    bench.driver.writeDesc(0, { addr: table, len: 16, flags: VirtqDesc.INDIRECT, next: 0 });
    bench.driver.offer(0);
    expectError(VirtqError.INDIRECT_NESTED);
  });

  it("rejects INDIRECT together with NEXT", () => {
    bench.driver.writeDesc(0, { addr: BASE, len: 16, flags: VirtqDesc.INDIRECT | VirtqDesc.NEXT, next: 1 });
    bench.driver.offer(0);
    expectError(VirtqError.INDIRECT_WITH_NEXT);
  });

  it.each([0, 8, 17, 31])("rejects an indirect table of %i bytes", (len) => {
    bench.driver.writeDesc(0, { addr: BASE, len, flags: VirtqDesc.INDIRECT, next: 0 });
    bench.driver.offer(0);
    expectError(VirtqError.INDIRECT_LENGTH);
  });

  it.each([BASE - 16, END - 8, END])("rejects an indirect table at %i", (addr) => {
    bench.driver.writeDesc(0, { addr, len: 16, flags: VirtqDesc.INDIRECT, next: 0 });
    bench.driver.offer(0);
    expectError(VirtqError.INDIRECT_ADDRESS);
  });

  it("rejects an indirect descriptor that was not negotiated", () => {
    bench.start({ indirect: false });
    bench.driver.add({ readable: [{ gpa: BASE, length: 1 }], indirect: true });
    expectError(VirtqError.INDIRECT_NOT_NEGOTIATED);
  });
});
