// Shapes of control flow that wasm has no words for, and blocks at the edges of pages.

import { beforeEach, describe, expect, it } from "vitest";
import { Privilege } from "../../src/generated/shared/privileged.js";
import { a0, a1, a2, a3, a4, a5, Code, ra, s0, zero } from "../support/hart-code.js";
import { PAGE, RAM_BASE } from "../support/hart-machine.js";
import { HartRandom } from "../support/hart-random.js";
import { callBoth, createCallable, ENOUGH } from "../support/jit-calls.js";
import type { JitPair } from "../support/jit-pair.js";

const CODE = RAM_BASE + 16n * PAGE;

let pair: JitPair;
beforeEach(async () => {
  pair = await createCallable();
});

/** Has both run `code` until it is compiled, then again with each argument; answers what it returned. */
function results(code: Code, args: readonly bigint[], entry = code.base): bigint[] {
  pair.each((machine) => machine.put(code));
  for (let n = 0; n < ENOUGH; n++) for (const argument of args) callBoth(pair, entry, { argument });
  expect(pair.regions).toBeGreaterThan(0);
  return args.map((argument) => {
    const { a0: result, difference } = callBoth(pair, entry, { argument });
    expect(difference).toBeNull();
    return result;
  });
}

describe("compiled control flow", () => {
  it("enters a loop at any of its three blocks", () => {
    // a1 says where to enter: 0, 1 or 2. Each block adds another digit; 12 blocks are run.
    const code = new Code(CODE).li(a2, 12n).addi(a3, zero, 1).to("two", "beq", { rs1: a1, rs2: a3 });
    code.to("three", "blt", { rs1: a3, rs2: a1 });
    for (const [name, digit, next] of [
      ["one", 1, "two"],
      ["two", 100, "three"],
      ["three", 10000 % 2048, "one"],
    ] as const) {
      code.label(name).addi(a0, a0, digit).addi(a2, a2, -1).to("end", "beq", { rs1: a2 });
      if (next === "one") code.j(next);
    }
    code.label("end").op("ebreak");
    const total = BigInt(4 * (1 + 100 + (10000 % 2048)));
    expect(results(code, [0n, 1n, 2n])).toEqual([total, total, total]);
  });

  it("goes round an irreducible loop of two blocks that each lead to the other", () => {
    const code = new Code(CODE).li(a2, 50n).to("right", "bne", { rs1: a1 });
    code.label("left").addi(a0, a0, 3).addi(a2, a2, -1).to("end", "bge", { rs1: zero, rs2: a2 });
    code.op("andi", { rd: a3, rs1: a0, imm: 1 }).to("left", "beq", { rs1: a3 });
    code.label("right").addi(a0, a0, 5).addi(a2, a2, -1).to("end", "bge", { rs1: zero, rs2: a2 });
    code.op("andi", { rd: a3, rs1: a0, imm: 2 }).to("right", "bne", { rs1: a3 }).j("left");
    code.label("end").op("ebreak");
    const simulate = (right: boolean): bigint => {
      let value = 0;
      for (let left = 50; left > 0; ) {
        if (right) {
          value += 5;
          left--;
          right = (value & 2) !== 0;
        } else {
          value += 3;
          left--;
          right = (value & 1) !== 0;
        }
      }
      return BigInt(value);
    };
    expect(results(code, [0n, 1n])).toEqual([simulate(false), simulate(true)]);
  });

  it("has loops in loops, left from the innermost", () => {
    // for i, j, k below 6: a0++, until the count in a1 is reached.
    const code = new Code(CODE).li(a5, 6n).li(a2, 0n).label("i").li(a3, 0n).label("j").li(a4, 0n).label("k");
    code.to("end", "beq", { rs1: a0, rs2: a1 }).addi(a0, a0, 1);
    for (const [counter, loop] of [
      [a4, "k"],
      [a3, "j"],
      [a2, "i"],
    ] as const) {
      code.addi(counter, counter, 1).to(loop, "blt", { rs1: counter, rs2: a5 });
    }
    code.label("end").op("ebreak");
    expect(results(code, [0n, 1n, 7n, 100n, 216n, 1000n])).toEqual([0n, 1n, 7n, 100n, 216n, 216n]);
  });

  it("jumps through a table of addresses in its own page", () => {
    const code = new Code(CODE).li(a2, 40n).label("loop").op("andi", { rd: a3, rs1: a2, imm: 3 });
    code.op("slli", { rd: a3, rs1: a3, imm: 3 }).op("auipc", { rd: a4 }).add(a4, a4, a3).jr(a4, 12);
    for (const digit of [1, 10, 100, 1000]) code.addi(a0, a0, digit).j("next");
    code.label("next").addi(a2, a2, -1).to("loop", "bne", { rs1: a2 }).op("ebreak");
    expect(results(code, [0n])).toEqual([11_110n]);
  });

  it("calls and returns, also from where nobody called, and through the wrong register", () => {
    // A call by jal, and one by hand: ra is the address behind the jump.
    const code = new Code(CODE).li(a2, 20n).label("loop").to("leaf", "jal", { rd: ra }).addi(a0, a0, 1);
    code.op("auipc", { rd: ra }).addi(ra, ra, 16).j("leaf").nop().addi(a0, a0, 100).addi(a2, a2, -1);
    code.to("loop", "bne", { rs1: a2 }).op("ebreak").label("leaf").addi(a3, a3, 1).jr(ra);
    expect(results(code, [0n])).toEqual([20n * 101n]);

    // The call through t0 returns by ra, so behind the one before it, forever.
    const endless = new Code(CODE).label("loop").to("leaf", "jal", { rd: ra }).addi(a0, a0, 1);
    endless.to("leaf", "jal", { rd: 5 }).j("loop").label("leaf").addi(a3, a3, 1).jr(ra);
    pair.each((machine) => {
      machine.put(endless);
      machine.reset(CODE, Privilege.M);
    });
    const random = new HartRandom(3);
    for (let n = 0; n < 100; n++) expect([n, pair.run(1 + random.below(60))]).toEqual([n, null]);
    expect(pair.compiled.x(a0)).toBeGreaterThan(300n);
  });

  it("recurses", () => {
    // The sum of 1 to a1, by recursion.
    const code = new Code(CODE)
      .li(2, RAM_BASE + 40n * PAGE)
      .to("sum", "jal", { rd: ra })
      .op("ebreak");
    code.label("sum").to("zero", "beq", { rs1: a1 }).addi(2, 2, -16).store("sd", ra, 2).store("sd", a1, 2, 8);
    code.addi(a1, a1, -1).to("sum", "jal", { rd: ra }).load("ld", a1, 2, 8).add(a0, a0, a1).load("ld", ra, 2);
    code.addi(2, 2, 16).jr(ra).label("zero").li(a0, 0n).jr(ra);
    expect(results(code, [0n, 1n, 10n, 100n])).toEqual([0n, 1n, 55n, 5050n]);
  });

  it("keeps to code of more blocks than a region takes", () => {
    // 300 blocks in a row, every one of which may skip the next.
    const code = new Code(CODE).li(a2, 5n).label("loop");
    for (let n = 0; n < 300; n++) {
      code.op("andi", { rd: a3, rs1: a0, imm: 1 + (n % 7) }).to(`skip${n}`, "bne", { rs1: a3 });
      code.addi(a0, a0, n).label(`skip${n}`).add(a0, a0, a1);
    }
    code.addi(a2, a2, -1).to("exit", "beq", { rs1: a2 }).j("loop").label("exit").op("ebreak");
    let expected = 0;
    for (let round = 0; round < 5; round++) {
      for (let n = 0; n < 300; n++) expected += ((expected & (1 + (n % 7))) === 0 ? n : 0) + 3;
    }
    expect(results(code, [3n])).toEqual([BigInt(expected)]);
  });

  it.each([2n, 4n, 6n, 8n, 10n])("crosses into the next page, from %i bytes before its end, in a loop", (before) => {
    const code = new Code(CODE + PAGE - before).half(0x0001).label("loop");
    code.addi(a0, a0, 1).op("c.nop").addi(a1, a1, -1).op("c.nop").add(a2, a0, a1).store("sd", a2, s0);
    code.to("loop", "bne", { rs1: a1 }).op("ebreak");
    pair.each((machine) => machine.setX(s0, RAM_BASE + 30n * PAGE));
    expect(results(code, [1n, 20n])).toEqual([1n, 20n]);
  });

  it("crosses into whatever page is mapped behind it now", () => {
    // The instruction that straddles: addi a0, a0, imm, whose immediate lies in the second page.
    const code = new Code(CODE + PAGE - 8n).li(a2, 10n).label("loop").half(0x0001).addi(a0, a0, 1);
    code.addi(a2, a2, -1).to("loop", "bne", { rs1: a2 }).op("ebreak");
    expect(results(code, [0n])).toEqual([10n]);
    const bytes = code.bytes();
    const second = code.base + 6n;
    expect((second & 0xfffn) + 4n).toBe(0x1002n);
    // imm 1 becomes 5: bits 31..20 of the word, bits 15..4 of its second half.
    const half = new DataView(bytes.buffer).getUint16(8, true);
    pair.each((machine) => machine.write(CODE + PAGE, new Uint8Array(new Uint16Array([half + (4 << 4)]).buffer)));
    for (let n = 0; n < ENOUGH; n++) {
      const { a0: result, difference } = callBoth(pair, code.base, {});
      expect([result, difference]).toEqual([50n, null]);
    }
  });
});
