// The TypeScript walk and the core's, over two memories with the same tables in them: the same answers, and the same tables afterwards.

import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { Privilege } from "../../src/generated/shared/privileged.js";
import { GuestRam } from "../../src/reference/guest-ram.js";
import { ReferenceWalk } from "../../src/reference/walk.js";
import { HartMachine } from "../support/hart-machine.js";

const RAM_BYTES = 1 << 20;
const FIRST_PPN = 0x8_0000n;
const PAGES = 16;
const { BATCH } = Layout.WALK;

let wasm: HartMachine;
let ts: HartMachine;
let walk: ReferenceWalk;

beforeAll(async () => {
  wasm = await HartMachine.create({ ramBytes: RAM_BYTES });
  ts = await HartMachine.create({ ramBytes: RAM_BYTES });
  const { exports } = ts;
  walk = new ReferenceWalk(new GuestRam(ts.core.memory.buffer, RAM_BYTES, exports));
});

const ppn = fc.oneof(
  { weight: 30, arbitrary: fc.bigInt({ min: 0n, max: BigInt(PAGES - 1) }).map((page) => FIRST_PPN + page) },
  { weight: 4, arbitrary: fc.bigInt({ min: 0n, max: (1n << 44n) - 1n }) },
  { weight: 2, arbitrary: fc.constantFrom(0n, FIRST_PPN - 1n, FIRST_PPN + 256n, (1n << 44n) - 1n, 1n << 22n) },
);
const entry = fc
  .tuple(
    ppn,
    fc.constantFrom(
      1n,
      1n,
      1n,
      1n,
      0xcfn,
      0xc7n,
      0x5fn,
      0xdfn,
      0x0fn,
      0x4bn,
      0xd9n,
      0xc5n,
      0xefn,
      0x81n,
      0x03n,
      0x09n,
      0n,
    ),
    fc.constantFrom(...new Array<bigint>(24).fill(0n), 1n << 63n, 1n << 61n, 3n << 61n, 1n << 54n, 1n << 60n),
    fc.constantFrom(...new Array<bigint>(12).fill(0n), 8n, 0x1ffn, 0x3_ffffn, 0x7ff_ffffn),
  )
  .map(([page, flags, high, clear]) => (((page & ~clear) | (clear === 8n ? 8n : 0n)) << 10n) | flags | high);

const hostile = fc.record({
  mode: fc.constantFrom(8n, 9n, 10n),
  root: ppn,
  // Every entry that any of the addresses can select, as the tables are few and the indices small.
  entries: fc.array(entry, { minLength: PAGES * 8, maxLength: PAGES * 8 }),
  vas: fc.array(
    fc.tuple(
      fc.array(fc.nat(7), { minLength: 5, maxLength: 5 }),
      fc.nat(4095),
      fc.constantFrom(0n, 0n, 0n, 0n, 0n, 0n, 1n << 38n, 1n << 47n, 1n << 63n, 0xffff_ffc0_0000_0000n),
    ),
    { minLength: 1, maxLength: 12 },
  ),
  access: fc.nat(2),
  privilege: fc.constantFrom(Privilege.U, Privilege.S),
  mstatus: fc.constantFrom(0n, 1n << 18n, 1n << 19n, 3n << 18n),
  menvcfg: fc.constantFrom(0n, 1n << 61n, 1n << 62n, 3n << 61n),
  // pmpcfg0 of an entry that covers everything, and of one in front that covers the first eight pages of tables.
  pmp: fc.constantFrom(0x1f, 0x1f, 0x1f, 0x19, 0x1b, 0),
  front: fc.constantFrom(0, 0, 0, 0x19, 0x18, 0x1f),
});

describe("the walk's TypeScript twin", () => {
  it("translates, faults and updates tables as the core does, one at a time and in batches", () => {
    const ends = [0, 0, 0];
    fc.assert(
      fc.property(hostile, (input) => {
        for (const machine of [wasm, ts]) {
          machine.core.ram.fill(0);
          for (const [at, value] of input.entries.entries()) {
            machine.view.setBigUint64(Layout.RAM.OFFSET + (at >> 3) * 4096 + (at & 7) * 8, value, true);
          }
          machine.setField64(Layout.HART.SATP, (input.mode << 60n) | input.root);
          machine.setField64(Layout.HART.MSTATUS, input.mstatus);
          machine.setField64(Layout.HART.MENVCFG, input.menvcfg);
          machine.setField64(Layout.HART.PMPCFG, BigInt(input.front | (input.pmp << 8)));
          machine.setField64(Layout.HART.PMPADDR, (0x8000_0000n >> 2n) | 0xfffn);
          machine.setField64(Layout.HART.PMPADDR + 8, (1n << 54n) - 1n);
          machine.exports.hartRestored(machine.hart);
          for (const [index, [path, offset, extra]] of input.vas.entries()) {
            const va = path.reduce((all, vpn, level) => all | (BigInt(vpn) << BigInt(12 + 9 * level)), BigInt(offset));
            const levels = input.mode - 5n;
            const low = va & ((1n << (12n + 9n * levels)) - 1n);
            machine.view.setBigUint64(BATCH + 16 * index, low ^ extra, true);
          }
        }
        const { access, privilege } = input;
        wasm.exports.walkBatch(wasm.hart, BATCH, input.vas.length, access, privilege);
        walk.walkBatch(ts.hart, BATCH, input.vas.length, access, privilege);
        for (const index of input.vas.keys()) {
          const result = wasm.view.getBigUint64(BATCH + 16 * index + 8, true);
          const end = Number(result >> 56n);
          ends[end] = (ends[end] ?? 0) + 1;
          expect(ts.view.getBigUint64(BATCH + 16 * index + 8, true)).toBe(result);
          // Once more alone: A and D are set by now, so this is the same answer by another way.
          const va = wasm.view.getBigUint64(BATCH + 16 * index, true);
          const walked = walk.run(ts.hart, Number(va & 0xffff_ffffn) | 0, Number(va >> 32n) | 0, access, privilege);
          expect(walked).toBe(wasm.exports.walk(wasm.hart, va, access, privilege));
        }
        expect(Buffer.compare(ts.core.ram, wasm.core.ram)).toBe(0);
        for (let page = 0; page < PAGES; page++) {
          const gpa = 0x8000_0000n + BigInt(page * 4096);
          expect(ts.isDirty(gpa)).toBe(wasm.isDirty(gpa));
        }
      }),
      { numRuns: 2500, seed: 20_261_124 },
    );
    for (const count of ends) expect(count).toBeGreaterThan(150);
  });
});
