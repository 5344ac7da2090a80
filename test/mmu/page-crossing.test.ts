// Accesses across two pages, and at the ends of RAM: every byte where it belongs, or a fault and no byte at all.

import { beforeEach, describe, expect, it } from "vitest";
import { Cause, Csr, Privilege } from "../../src/generated/shared/privileged.js";
import { a0, a1, Code, t1 } from "../support/hart-code.js";
import { HartMachine, PAGE, RAM_BASE } from "../support/hart-machine.js";
import { A, AddressSpace, D, PagePool, R, RW, RX, U, V, W } from "../support/hart-page-tables.js";
import { Prober } from "../support/hart-prober.js";

const S = Privilege.S;
const VA = 0x4000_0000n;
const DATA = RAM_BASE + 0x20_0000n;
const RAM_BYTES = 0x80_0000;
const ONE = 0x1111_1111_1111_1111n;
const TWO = 0x2222_2222_2222_2222n;

let machine: HartMachine;
let prober: Prober;
let space: () => AddressSpace;

beforeEach(async () => {
  machine = await HartMachine.create({ ramBytes: RAM_BYTES });
  prober = new Prober(machine, RAM_BASE + 0x60_0000n);
  const pool = new PagePool(RAM_BASE, DATA);
  space = () => new AddressSpace(machine, pool);
  machine.setCsr(Csr.PMPADDR0, (1n << 54n) - 1n);
  machine.setCsr(Csr.PMPCFG0, 0x1fn);
});

describe("an access across two pages", () => {
  const END = VA + PAGE;
  const NEXT = DATA + 0x5000n;
  let one: AddressSpace;

  beforeEach(() => {
    one = space();
    one.map(VA, DATA, RW);
    one.map(END, NEXT, RW);
    prober.setSatp(one.satp);
  });

  const sizes = { h: 2, w: 4, d: 8 };
  const cases = Object.entries(sizes).flatMap(([suffix, size]) =>
    Array.from({ length: size - 1 }, (_, i) => [suffix, size, i + 1] as const),
  );

  it.each(cases)("loads s%s: %d bytes, %d of them in the first page", (suffix, size, head) => {
    const bytes = Uint8Array.from({ length: size }, (_, i) => 0xa1 + i);
    machine.write(DATA + PAGE - BigInt(head), bytes.subarray(0, head));
    machine.write(NEXT, bytes.subarray(head));
    const unsigned = bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
    const signed = BigInt.asUintN(64, BigInt.asIntN(8 * size, unsigned));
    // Cold, and again with both pages in the TLB.
    for (let round = 0; round < 2; round++) {
      expect(prober.access(`l${suffix}`, END - BigInt(head), S)).toEqual({ value: signed });
      if (size < 8) expect(prober.access(`l${suffix}u`, END - BigInt(head), S)).toEqual({ value: unsigned });
      prober.load(VA, S);
      prober.load(END, S);
    }
  });

  it.each(cases)("stores s%s: %d bytes, %d of them in the first page, and no other", (suffix, size, head) => {
    for (let round = 0; round < 2; round++) {
      machine.write(DATA + PAGE - 16n, new Uint8Array(16).fill(0xee));
      machine.write(NEXT, new Uint8Array(16).fill(0xee));
      expect(prober.access(`s${suffix}`, END - BigInt(head), S, 0n, 0x8877_6655_4433_2211n)).toEqual({ value: 0n });
      const expected = new Uint8Array(32).fill(0xee);
      for (let i = 0; i < size; i++) expected[16 - head + i] = 0x11 * (i + 1);
      const at = machine.linear(DATA + PAGE);
      const next = machine.linear(NEXT);
      expect([...machine.core.bytes.slice(at - 16, at), ...machine.core.bytes.slice(next, next + 16)]).toEqual([
        ...expected,
      ]);
      prober.store(VA, 0n, S);
      prober.store(END + 0x100n, 0n, S);
    }
  });

  it("faults for the second page with that page's address, and has stored nothing", () => {
    const va = END - 3n;
    for (const broken of [0n, V | R | A, RW | U]) {
      machine.store64(DATA + PAGE - 8n, ONE);
      if (broken === 0n) one.unmap(END);
      else one.map(END, NEXT, broken);
      prober.fence();
      expect(prober.access("sd", va, S, 0n, TWO)).toEqual({ cause: Cause.STORE_PAGE, tval: END });
      expect(machine.load64(DATA + PAGE - 8n)).toBe(ONE);
    }
    expect(prober.access("ld", va, S)).toEqual({ cause: Cause.LOAD_PAGE, tval: END });
  });

  it("faults for the first page with its own address, and has stored nothing", () => {
    one.unmap(VA);
    prober.fence();
    machine.store64(NEXT, ONE);
    expect(prober.access("sd", END - 3n, S, 0n, TWO)).toEqual({ cause: Cause.STORE_PAGE, tval: END - 3n });
    expect(prober.access("lw", END - 3n, S)).toEqual({ cause: Cause.LOAD_PAGE, tval: END - 3n });
    expect(machine.load64(NEXT)).toBe(ONE);
  });

  it("faults where one half is no RAM", () => {
    one.map(END, 0x1000_0000n, RW);
    prober.fence();
    expect(prober.access("ld", END - 4n, S)).toEqual({ cause: Cause.LOAD_ACCESS, tval: END });
    expect(prober.access("sd", END - 4n, S)).toEqual({ cause: Cause.STORE_ACCESS, tval: END });
  });

  it("leaves the register alone that a faulting load would have written", () => {
    one.unmap(END);
    prober.fence();
    const SELF = VA + 0x10_0000n;
    one.map(SELF, RAM_BASE + 0x70_0000n, RX);
    machine.write(RAM_BASE + 0x70_0000n, new Code(SELF).load("ld", a1, a1).bytes());
    machine.setX(a1, END - 1n);
    expect(machine.enter(SELF, S).value).toBe(END);
    expect(machine.x(a1)).toBe(END - 1n);
    expect(machine.x(t1)).toBe(SELF);
  });
});

describe("RAM's ends", () => {
  it("fault with an access fault one byte beyond, in M mode too", () => {
    const end = RAM_BASE + BigInt(RAM_BYTES);
    for (const [mnemonic, va, tval] of [
      ["ld", end - 7n, end],
      ["ld", end, end],
      ["lb", RAM_BASE - 1n, RAM_BASE - 1n],
      ["lw", RAM_BASE - 2n, RAM_BASE - 2n],
      ["ld", 1n << 56n, 1n << 56n],
      ["ld", (1n << 63n) | RAM_BASE, (1n << 63n) | RAM_BASE],
      ["ld", (1n << 64n) - 4n, (1n << 64n) - 4n],
      ["ld", 0x1_8000_0000n, 0x1_8000_0000n],
    ] as const) {
      machine.setX(a1, va);
      machine.setX(a0, 1n);
      machine.exec((code) => code.load(mnemonic, a0, a1));
      expect(machine.machineTrap, va.toString(16)).toMatchObject({ cause: BigInt(Cause.LOAD_ACCESS), value: tval });
      expect(machine.x(a0)).toBe(1n);
    }
  });

  it("let the last bytes be used", () => {
    const end = RAM_BASE + BigInt(RAM_BYTES);
    machine.store64(end - 8n, ONE);
    machine.setX(a1, end - 8n);
    machine.exec((code) => code.load("ld", a0, a1));
    expect(machine.x(a0)).toBe(ONE);
  });

  it("satp with a root outside of RAM gives access faults", () => {
    prober.setSatp((8n << 60n) | 5n);
    expect(prober.load(VA, S)).toEqual({ cause: Cause.LOAD_ACCESS, tval: VA });
    expect(prober.store(VA, 0n, S)).toEqual({ cause: Cause.STORE_ACCESS, tval: VA });
    expect(prober.fetch(VA, S)).toEqual({ cause: Cause.FETCH_ACCESS, tval: VA });
    prober.setSatp((8n << 60n) | ((1n << 44n) - 1n));
    expect(prober.load(VA, S)).toEqual({ cause: Cause.LOAD_ACCESS, tval: VA });
  });

  it("W is of no use without R", () => {
    const one = space();
    one.map(VA, DATA, V | W | A | D);
    prober.setSatp(one.satp);
    expect(prober.store(VA, 0n, S)).toEqual({ cause: Cause.STORE_PAGE, tval: VA });
  });
});
