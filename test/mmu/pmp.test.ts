// Physical memory protection against the specification (3.7) as test/support/hart-model.ts has it: what the CSRs keep, and
// which loads, stores and fetches they let through, down to four bytes.

import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { Cause, Csr, Privilege } from "../../src/generated/shared/privileged.js";
import { a0, a1, a2, Code, t0, zero } from "../support/hart-code.js";
import { HartMachine, PAGE, RAM_BASE } from "../support/hart-machine.js";
import { type Access, FETCH, LOAD, type PmpEntry, pmpAllows, STORE } from "../support/hart-model.js";
import { Prober } from "../support/hart-prober.js";

const ENTRIES = 16;
const ADDRESS_BITS = (1n << 54n) - 1n;
const LOCK = 0x80;
/** Where regions lie: the prober's own code is behind it, so that no region reaches it. */
const DATA = RAM_BASE + 0x1_0000n;
const DATA_BYTES = 0x4000n;
const C_EBREAK = 0x9002;
const ALL: PmpEntry = { cfg: 0x1f, address: ADDRESS_BITS };

describe("pmpcfg and pmpaddr", () => {
  type Write =
    | { readonly csr: "cfg0" | "cfg2"; readonly value: bigint }
    | { readonly csr: number; readonly value: bigint };

  const cfgByte = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 0x7f }) },
    { weight: 1, arbitrary: fc.integer({ min: 0x80, max: 0xff }) },
  );
  const cfgValue = fc
    .array(cfgByte, { minLength: 8, maxLength: 8 })
    .map((bytes) => bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n));
  const write: fc.Arbitrary<Write> = fc.oneof(
    fc.record({ csr: fc.constantFrom("cfg0" as const, "cfg2" as const), value: cfgValue }),
    fc.record({ csr: fc.integer({ min: 0, max: ENTRIES - 1 }), value: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }) }),
  );

  function apply(cfg: number[], address: bigint[], { csr, value }: Write): void {
    if (typeof csr === "number") {
      const next = cfg[csr + 1] ?? 0;
      const lockedAsBound = (next & LOCK) !== 0 && ((next >> 3) & 3) === 1;
      if (((cfg[csr] as number) & LOCK) === 0 && !lockedAsBound) address[csr] = value & ADDRESS_BITS;
      return;
    }
    for (let i = 0; i < 8; i++) {
      const entry = (csr === "cfg0" ? 0 : 8) + i;
      if (((cfg[entry] as number) & LOCK) !== 0) continue;
      const byte = Number((value >> BigInt(8 * i)) & 0x9fn);
      // R=0 W=1 is reserved: read back as neither.
      cfg[entry] = (byte & 3) === 2 ? byte & ~2 : byte;
    }
  }

  it("keep what may be written, and nothing in locked entries", async () => {
    const machine = await HartMachine.create();
    fc.assert(
      fc.property(fc.array(write, { minLength: 1, maxLength: 20 }), (writes) => {
        machine.reset(RAM_BASE, Privilege.M);
        const cfg = new Array<number>(ENTRIES).fill(0);
        const address = new Array<bigint>(ENTRIES).fill(0n);
        // One guest program for all writes: a lock may take the code pages from whoever comes later.
        for (const each of writes) {
          const csr =
            typeof each.csr === "number" ? Csr.PMPADDR0 + each.csr : each.csr === "cfg0" ? Csr.PMPCFG0 : Csr.PMPCFG2;
          // As hardware sees a CSR write; a locked region over the code would only stop the guest, not the comparison.
          apply(cfg, address, each);
          machine.setX(t0, each.value);
          machine.put(new Code(machine.monitor).csrw(csr, t0));
          machine.setField64(Layout.HART.PC, machine.monitor);
          const before = machine.machineTrap;
          machine.run(1);
          // The write itself was not executed where a region denies it to M mode; then the model has nothing to say.
          if (machine.machineTrap.pc !== before.pc) return;
        }
        for (let i = 0; i < ENTRIES; i++) {
          expect(machine.field64(Layout.HART.PMPADDR + 8 * i), `pmpaddr${i}`).toBe(address[i]);
          expect(machine.view.getUint8(machine.hart + Layout.HART.PMPCFG + i), `pmp${i}cfg`).toBe(cfg[i]);
        }
      }),
      { numRuns: 400 },
    );
  });

  it("read back through the CSRs as they were written; odd pmpcfg registers do not exist", async () => {
    const machine = await HartMachine.create();
    machine.setCsr(Csr.PMPADDR0 + 9, 0x1234n);
    machine.setCsr(Csr.PMPCFG2, 0x0f00n);
    expect(machine.getCsr(Csr.PMPADDR0 + 9)).toBe(0x1234n);
    expect(machine.getCsr(Csr.PMPCFG2)).toBe(0x0f00n);
    expect(machine.getCsr(Csr.PMPCFG0)).toBe(0n);
    machine.catchTraps();
    machine.getCsr(Csr.PMPCFG0 + 1);
    expect(machine.machineTrap.cause).toBe(BigInt(Cause.ILLEGAL));
    // Entries 16 to 63 exist as registers, read-only zero.
    machine.setCsr(Csr.PMPADDR0 + 20, 5n);
    expect(machine.getCsr(Csr.PMPADDR0 + 20)).toBe(0n);
  });
});

describe("protection", () => {
  let machine: HartMachine;
  let prober: Prober;

  beforeAll(async () => {
    machine = await HartMachine.create();
    // c.ebreak everywhere that an access may go to.
    const bytes = Number(DATA_BYTES + 2n * PAGE);
    machine.write(
      DATA - PAGE,
      Uint8Array.from({ length: bytes }, (_, i) => (i & 1 ? C_EBREAK >> 8 : C_EBREAK & 0xff)),
    );
  });

  const address = fc.oneof(
    // Four-byte granules near page ends, and anywhere.
    fc
      .tuple(fc.bigInt({ min: 0n, max: 3n }), fc.bigInt({ min: -3n, max: 3n }))
      .map(([page, at]) => (DATA >> 2n) + page * 1024n + 512n + at * 8n),
    fc
      .tuple(fc.bigInt({ min: 0n, max: 4n }), fc.bigInt({ min: -3n, max: 3n }))
      .map(([page, at]) => (DATA >> 2n) + page * 1024n + at),
    fc.bigInt({ min: 0n, max: DATA_BYTES / 4n - 1n }).map((at) => (DATA >> 2n) + at),
    // Whole pages and more, as NAPOT.
    fc.tuple(fc.bigInt({ min: 0n, max: 3n }), fc.integer({ min: 9, max: 11 })).map(([page, ones]) => {
      const mask = (1n << BigInt(ones)) - 1n;
      return (((DATA >> 2n) + page * 1024n) & ~((mask << 1n) | 1n)) | mask;
    }),
  );
  const entry: fc.Arbitrary<PmpEntry> = fc.record({
    cfg: fc
      .tuple(fc.constantFrom(0, 1, 3, 4, 5, 7), fc.integer({ min: 0, max: 3 }), fc.nat(3))
      .map(([rwx, mode, lock]) => rwx | (mode << 3) | (lock === 0 ? LOCK : 0)),
    address,
  });
  interface Attempt {
    readonly access: Access;
    readonly privilege: Privilege;
    readonly gpa: bigint;
    readonly size: number;
  }
  const attempt: fc.Arbitrary<Attempt> = fc.record({
    access: fc.constantFrom<Access>(LOAD, STORE, FETCH),
    privilege: fc.constantFrom(Privilege.U, Privilege.S, Privilege.M),
    gpa: fc.oneof(
      fc.bigInt({ min: 0n, max: DATA_BYTES - 16n }).map((at) => DATA + at),
      address.chain((at) => fc.bigInt({ min: -8n, max: 8n }).map((by) => at * 4n + by)),
    ),
    size: fc.constantFrom(1, 2, 4, 8),
  });

  function configure(entries: readonly PmpEntry[]): void {
    machine.reset(RAM_BASE, Privilege.M);
    prober = new Prober(machine, RAM_BASE + 0x10_0000n);
    machine.exec((code) => {
      for (const [i, { address }] of entries.entries()) code.li(t0, address).csrw(Csr.PMPADDR0 + i, t0);
      const cfg = entries.reduceRight((value, { cfg }) => (value << 8n) | BigInt(cfg), 0n);
      code.li(t0, cfg).csrw(Csr.PMPCFG0, t0);
    });
  }

  /** The pieces in which an access is made: one for each page that it touches. */
  function pieces({ gpa, size }: Attempt): (readonly [bigint, bigint])[] {
    const boundary = ((gpa >> 12n) + 1n) << 12n;
    const end = gpa + BigInt(size);
    return end > boundary
      ? [
          [gpa, boundary - gpa],
          [boundary, end - boundary],
        ]
      : [[gpa, BigInt(size)]];
  }

  function perform({ access, privilege, gpa, size }: Attempt): { cause?: number; tval?: bigint } {
    const suffix = { 1: "b", 2: "h", 4: "w", 8: "d" }[size];
    if (access === FETCH) {
      if (privilege === Privilege.M) return inMachineMode((code) => code.jr(a1), gpa);
      const outcome = prober.fetch(gpa, privilege);
      return "cause" in outcome ? outcome : {};
    }
    const mnemonic = `${access === LOAD ? "l" : "s"}${suffix}`;
    if (privilege === Privilege.M) {
      return inMachineMode(
        (code) => (access === LOAD ? code.load(mnemonic, a0, a1) : code.store(mnemonic, a0, a1)),
        gpa,
      );
    }
    const outcome = prober.access(mnemonic, gpa, privilege, 0n, 0x9002_9002_9002_9002n);
    return "cause" in outcome ? outcome : {};
  }

  function inMachineMode(write: (code: Code) => void, gpa: bigint): { cause?: number; tval?: bigint } {
    machine.setX(a0, 0x9002_9002_9002_9002n);
    machine.setX(a1, gpa);
    machine.setX(a2, 1n);
    machine.exec((code) => {
      write(code);
      code.addi(a2, zero, 0);
    });
    const { cause, value } = machine.machineTrap;
    return machine.x(a2) === 0n || cause === BigInt(Cause.BREAKPOINT) ? {} : { cause: Number(cause), tval: value };
  }

  it("lets through what the lowest-numbered matching entry allows, and faults on the rest", () => {
    const seen = { allowed: 0, denied: 0 };
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 6 }),
        fc.boolean(),
        fc.array(attempt, { minLength: 12, maxLength: 12 }),
        (random, openToAll, attempts) => {
          const entries = openToAll ? [...random, ALL] : random;
          configure(entries);
          for (const each of attempts) {
            // Fetches start at even addresses and, of a two-byte instruction, need two bytes.
            const made = each.access === FETCH ? { ...each, gpa: each.gpa & ~1n, size: 2 } : each;
            // Bytes other than the pattern would make later fetches something else than c.ebreak.
            if (made.access === STORE && made.gpa & 1n) continue;
            const fault = pieces(made).find(
              ([gpa, size]) => !pmpAllows(entries, gpa, size, made.access, made.privilege),
            );
            const expected = fault
              ? { cause: [Cause.LOAD_ACCESS, Cause.STORE_ACCESS, Cause.FETCH_ACCESS][made.access], tval: fault[0] }
              : {};
            expect(
              perform(made),
              JSON.stringify(made, (_, v) => (typeof v === "bigint" ? v.toString(16) : v)),
            ).toEqual(expected);
            seen[fault ? "denied" : "allowed"]++;
          }
        },
      ),
      { numRuns: 500 },
    );
    expect(seen.allowed).toBeGreaterThan(300);
    expect(seen.denied).toBeGreaterThan(300);
  });

  it("runs code up to the four bytes where a region ends, and faults at the first instruction behind", () => {
    const code = new Code(DATA).addi(a0, zero, 1).addi(a0, a0, 1).addi(a0, a0, 1).addi(a0, a0, 1).op("ebreak");
    machine.write(DATA, code.bytes());
    configure([
      { cfg: 0x00, address: DATA >> 2n },
      { cfg: 0x0c, address: (DATA + 12n) >> 2n },
    ]);
    machine.catchTraps();
    expect(machine.enter(DATA, Privilege.S)).toEqual({
      cause: BigInt(Cause.FETCH_ACCESS),
      value: DATA + 12n,
      pc: DATA + 12n,
    });
    expect(machine.x(a0)).toBe(3n);
  });

  it("denies an instruction whose second half lies behind a region, with the address of that half", () => {
    machine.write(DATA, new Code(DATA).half(0x0001).addi(a0, zero, 7).op("ebreak").bytes());
    configure([
      { cfg: 0x00, address: DATA >> 2n },
      { cfg: 0x0c, address: (DATA + 4n) >> 2n },
    ]);
    machine.catchTraps();
    expect(machine.enter(DATA, Privilege.S)).toEqual({
      cause: BigInt(Cause.FETCH_ACCESS),
      value: DATA + 4n,
      pc: DATA + 2n,
    });
  });

  it("takes effect at once, on pages that the TLB knows", () => {
    configure([ALL]);
    for (const privilege of [Privilege.S, Privilege.U] as const) {
      expect(prober.store(DATA, 1n, privilege)).toEqual({ value: 0n });
      machine.setCsr(Csr.PMPCFG0, 0x19n);
      expect(prober.store(DATA, 2n, privilege)).toEqual({ cause: Cause.STORE_ACCESS, tval: DATA });
      expect(prober.load(DATA, privilege)).toEqual({ value: 1n });
      machine.setCsr(Csr.PMPCFG0, 0x18n);
      expect(prober.load(DATA, privilege)).toEqual({ cause: Cause.LOAD_ACCESS, tval: DATA });
      machine.setCsr(Csr.PMPCFG0, 0x1fn);
    }
  });

  it("applies to a whole page at once only where one region covers it", () => {
    // Entry 0 denies the last four bytes of a page that entry 1 allows.
    configure([{ cfg: 0x10, address: (DATA + PAGE - 4n) >> 2n }, ALL]);
    for (let round = 0; round < 2; round++) {
      expect(prober.access("lw", DATA + PAGE - 8n, Privilege.S)).toHaveProperty("value");
      expect(prober.access("lw", DATA + PAGE - 4n, Privilege.S)).toEqual({
        cause: Cause.LOAD_ACCESS,
        tval: DATA + PAGE - 4n,
      });
      expect(prober.access("ld", DATA + PAGE - 8n, Privilege.S)).toEqual({
        cause: Cause.LOAD_ACCESS,
        tval: DATA + PAGE - 8n,
      });
    }
  });
});
