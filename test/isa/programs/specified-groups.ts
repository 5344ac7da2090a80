// Groups about what the specification pins down and QEMU 7.2 does otherwise or not at all: their values are computed
// here. The program for QEMU is told them, and so does nothing but hash them.

import { type Emitter, type Group, group, type Target } from "./emitter.js";
import { build, LEAF, leaf, link, PAGE, PHYSICAL, Pte, Table, VIRTUAL } from "./page-tables.js";
import { csrc, csrs, csrw, Mode, probes } from "./probe.js";

const [SSI, MSI, STI, MTI, SEI] = [1 << 1, 1 << 3, 1 << 5, 1 << 7, 1 << 9];
const [SIE, MIE] = [1 << 1, 1 << 3];
/** From the most urgent on (Privileged 3.1.9). */
const PRIORITY = [3, 7, 9, 1, 5];
const [MSIP, MTIMECMP] = [0x0200_0000, 0x0200_4000];
const MPRV = 1 << 17;
const NOWHERE = 0x0800_0000;

/** Takes a register into the hash; on QEMU, what must be in it. */
function expectValue(emit: Emitter, target: Target, register: string, value: number | bigint): void {
  if (target === "qemu") emit.asm(`li ${register}, ${value}`);
  emit.mix(register);
}

/** A probe of which only the cause, and the value if given, count. */
function expectTrap(
  emit: Emitter,
  target: Target,
  mode: Mode,
  code: readonly string[],
  cause: number,
  value?: number,
): void {
  const [start, resume] = [emit.label(), emit.label()];
  if (target === "vkrun") {
    emit.asm(`la s9, ${resume}`, `la t0, ${start}`, "csrw mepc, t0", ...csrc("mstatus", 3 << 11));
    emit.asm(...csrs("mstatus", mode << 11), "mret", `${start}:`, ...code, "ecall", `${resume}:`);
  }
  expectValue(emit, target, "a0", cause);
  if (value !== undefined) expectValue(emit, target, "a1", value);
}

const ecallCause = (mode: Mode) => 8 + mode;

function interruptPriority(target: Target): Group {
  return probes("interrupt priority", (emit) => {
    const all = [SSI, MSI, STI, MTI, SEI];
    for (const mideleg of [0, SSI | STI | SEI, SEI]) {
      emit.asm(...csrw("mideleg", mideleg), ...csrw("mie", 0xaaa));
      for (let choice = 0; choice < 32; choice++) {
        const set = all.reduce((sum, bit, index) => (choice & (1 << index) ? sum | bit : sum), 0);
        emit.asm(`li t0, ${MSIP}`, `li t1, ${set & MSI ? 1 : 0}`, "sw t1, 0(t0)", ...csrw("mip", set & 0x222));
        emit.asm(
          `li t0, ${MTIMECMP}`,
          `li t1, ${set & MTI ? 0 : -1}`,
          "sd t1, 0(t0)",
          ...csrs("mstatus", SIE),
          "csrw scause, zero",
        );
        // From U mode everything enabled is taken; M mode's before what is delegated.
        const machine = PRIORITY.find((code) => set & ~mideleg & (1 << code));
        const supervisor = PRIORITY.find((code) => set & mideleg & (1 << code));
        const interrupt = (code: number) => BigInt.asIntN(64, (1n << 63n) + BigInt(code));
        const start = emit.label();
        const resume = emit.label();
        if (target === "vkrun") {
          emit.asm(
            "li a0, -1",
            `la s9, ${resume}`,
            `la t0, ${start}`,
            "csrw mepc, t0",
            ...csrc("mstatus", 3 << 11),
            "mret",
          );
          emit.asm(`${start}:`, "ecall", `${resume}:`, "csrr a5, scause");
        }
        const cause =
          machine !== undefined
            ? interrupt(machine)
            : supervisor !== undefined
              ? ecallCause(Mode.S)
              : ecallCause(Mode.U);
        expectValue(emit, target, "a0", cause);
        expectValue(emit, target, "a5", machine === undefined && supervisor !== undefined ? interrupt(supervisor) : 0);
      }
    }
    emit.asm(`li t0, ${MSIP}`, "sw zero, 0(t0)", `li t0, ${MTIMECMP}`, "li t1, -1", "sd t1, 0(t0)", "csrw mip, zero");
    emit.asm(...csrc("mstatus", SIE | MIE));
  });
}

/** Misaligned AMOs and SCs are store/AMO misaligned exceptions, and change nothing. */
function misalignedAtomics(target: Target): Group {
  const address = 0x8050_0000;
  return probes("misaligned atomics", (emit) => {
    for (const mnemonic of [
      "amoswap",
      "amoadd",
      "amoxor",
      "amoand",
      "amoor",
      "amomin",
      "amomax",
      "amominu",
      "amomaxu",
      "sc",
    ]) {
      for (const [width, offsets] of [
        ["w", [1, 2, 3]],
        ["d", [1, 2, 4, 7]],
      ] as const) {
        for (const offset of offsets) {
          const code = [`li a5, ${address + offset}`, "li a6, 3", "li a7, 77", `${mnemonic}.${width} a7, a6, (a5)`];
          expectTrap(emit, target, Mode.M, code, 6, address + offset);
          if (target === "vkrun") emit.asm(`li a5, ${address}`, "ld a6, 0(a5)");
          expectValue(emit, target, "a7", 77);
          expectValue(emit, target, "a6", 0);
        }
      }
    }
  });
}

function exceptionPointers(target: Target): Group {
  return group("bit 0 of mepc and sepc", (emit) => {
    for (const register of ["mepc", "sepc"]) {
      for (const value of [1, 3, -1, 0x80000001]) {
        emit.asm(`li a5, ${value}`, `csrw ${register}, a5`, `csrr a6, ${register}`);
        expectValue(emit, target, "a6", BigInt(value) & ~1n);
      }
    }
  });
}

/** Since 1.12, a return to a mode less privileged than M clears MPRV (3.1.6.3). */
function returnsAndMprv(target: Target): Group {
  return probes("MPRV after mret and sret", (emit) => {
    for (const mode of [Mode.U, Mode.S, Mode.M]) {
      for (const instruction of ["mret", "sret"]) {
        if (instruction === "sret" && mode === Mode.M) continue;
        const [start, resume] = [emit.label(), emit.label()];
        if (target === "vkrun") {
          const status = instruction === "mret" ? mode << 11 : mode << 8;
          emit.asm(
            `la s9, ${resume}`,
            `la t0, ${start}`,
            "csrw mepc, t0",
            "csrw sepc, t0",
            ...csrw("mstatus", status | MPRV),
          );
          emit.asm(instruction, `${start}:`, "ecall", `${resume}:`, `li t0, ${MPRV}`, "and a5, a3, t0");
        }
        expectValue(emit, target, "a0", ecallCause(mode));
        expectValue(emit, target, "a5", mode === Mode.M ? MPRV : 0);
      }
    }
  });
}

/** Which modes may use cache-block instructions: menvcfg for S, and senvcfg too for U. */
function cacheBlockGates(target: Target): Group {
  const fields: readonly { mnemonic: string; bits: number }[] = [
    { mnemonic: "cbo.zero", bits: 1 << 7 },
    { mnemonic: "cbo.clean", bits: 1 << 6 },
    { mnemonic: "cbo.flush", bits: 1 << 6 },
    { mnemonic: "cbo.inval", bits: 1 << 4 },
    { mnemonic: "cbo.inval", bits: 3 << 4 },
  ];
  return probes("cache block gates", (emit) => {
    for (const { mnemonic, bits } of fields) {
      for (const menvcfg of [0, bits, 0xf0 & ~bits & (mnemonic === "cbo.inval" ? 0xc0 : 0xf0)]) {
        for (const senvcfg of [0, bits]) {
          if (target === "vkrun")
            emit.asm(`li t0, ${menvcfg}`, "csrw 0x30a, t0", `li t0, ${senvcfg}`, "csrw senvcfg, t0");
          for (const mode of [Mode.U, Mode.S, Mode.M]) {
            const legal = mode === Mode.M || (menvcfg === bits && (mode === Mode.S || senvcfg === bits));
            emit.asm("la a5, scratch");
            expectTrap(emit, target, mode, [`${mnemonic} (a5)`], legal ? ecallCause(mode) : 2);
          }
        }
      }
    }
    // Faults are store faults, with the address as it was given.
    if (target === "vkrun") emit.asm("li t0, 0xf0", "csrw 0x30a, t0");
    for (const mnemonic of ["cbo.zero", "cbo.clean"]) {
      emit.asm(`li a5, ${NOWHERE + 5}`);
      expectTrap(emit, target, Mode.S, [`${mnemonic} (a5)`], 7, NOWHERE + 5);
    }
  });
}

/** minstret counts what retires, and that is not what traps; a write of it wins over its own count. */
function retiredInstructions(target: Target): Group {
  const MINSTRET_OFF = 4;
  return probes("minstret", (emit) => {
    const counted = (code: readonly string[], instructions: number) => {
      emit.asm("la a5, scratch", "csrr a6, minstret", ...code, "csrr a7, minstret", "sub a7, a7, a6");
      expectValue(emit, target, "a7", instructions + 1);
    };
    counted([], 0);
    counted(["nop", "nop", "nop"], 3);
    counted(["ld t0, 0(a5)", "sd t0, 1021(a5)", "mul t0, t0, t0", "fadd.d ft0, ft0, ft1"], 4);
    counted(["beqz zero, 1f", "nop", "1: j 2f", "nop", "2:"], 2);
    counted([".2byte 1", ".2byte 1", "nop"], 3);
    counted(["li t0, 10", "3: addi t0, t0, -1", "bnez t0, 3b"], 21);
    counted(["fence.i", "fence", "sfence.vma", "csrr t0, mstatus", "csrw mscratch, t0"], 5);
    emit.asm("la t0, trap_save", "csrw mscratch, t0");
    // The trap handler's seven instructions, and neither the ecall, nor the illegal word, nor the load that faults.
    for (const trapping of ["ecall", ".4byte 0", "ld t0, 2040(zero)"]) {
      emit.asm("la s9, 4f", "csrr a6, minstret", trapping, "4: csrr a7, minstret", "sub a7, a7, a6");
      expectValue(emit, target, "a7", 1 + 7);
    }
    for (const value of [0, 1000, -5]) {
      emit.asm(`li t0, ${value}`, "csrw minstret, t0", "csrr a6, minstret", "csrr a7, minstret");
      expectValue(emit, target, "a6", value);
      expectValue(emit, target, "a7", value + 1);
    }
    emit.asm(
      "csrr a6, minstret",
      `csrsi mcountinhibit, ${MINSTRET_OFF}`,
      "csrr a6, minstret",
      "nop",
      "nop",
      "csrr a7, minstret",
    );
    emit.asm("sub a7, a7, a6", `csrci mcountinhibit, ${MINSTRET_OFF}`);
    expectValue(emit, target, "a7", 0);
    emit.asm("csrr a6, minstret", "nop", "csrr a7, minstret", "sub a7, a7, a6");
    expectValue(emit, target, "a7", 2);
  });
}

/**
 * Tables outside of memory are access faults; tval of a misaligned access that begins in a bad page is its own
 * address; what AMOs, LR and SC raise.
 */
function memoryFaults(target: Target): Group {
  return probes("memory faults", (emit) => {
    build(emit, 8);
    const fault = (access: string, offset: number, cause: number, address = VIRTUAL + offset) => {
      const status = [...csrc("mstatus", 3 << 11), ...csrs("mstatus", (1 << 11) | MPRV)];
      expectTrap(emit, target, Mode.M, [...status, `li a5, ${address}`, access], cause, address);
    };
    leaf(emit, Table.LEVEL1, 0, NOWHERE, Pte.V);
    emit.asm("sfence.vma");
    fault("ld a6, 0(a5)", 16, 5);
    fault("sd a6, 0(a5)", 16, 7);
    // Page 0 missing, page 1 there, page 2 for reading only, page 3 where nothing is.
    link(emit, Table.LEVEL1, 0, Table.LEVEL0);
    leaf(emit, Table.LEVEL0, 1, PHYSICAL, LEAF);
    leaf(emit, Table.LEVEL0, 2, PHYSICAL, Pte.V | Pte.R | Pte.A | Pte.D);
    leaf(emit, Table.LEVEL0, 3, NOWHERE, LEAF);
    emit.asm("sfence.vma");
    fault("ld a6, 0(a5)", PAGE - 3, 13);
    fault("sd a6, 0(a5)", PAGE - 3, 15);
    for (const width of ["w", "d"]) {
      for (const amo of ["amoswap", "amoadd", "amominu"]) {
        fault(`${amo}.${width} a6, a6, (a5)`, 0, 15);
        fault(`${amo}.${width} a6, a6, (a5)`, 2 * PAGE, 15);
        fault(`${amo}.${width} a6, a6, (a5)`, 3 * PAGE, 7);
      }
      fault(`lr.${width} a6, (a5)`, 0, 13);
      fault(`lr.${width} a6, (a5)`, 3 * PAGE, 5);
    }
    emit.asm("csrw satp, zero", ...csrc("mstatus", MPRV));
  });
}

export function specifiedGroups(target: Target): Group[] {
  return [
    exceptionPointers(target),
    returnsAndMprv(target),
    interruptPriority(target),
    misalignedAtomics(target),
    cacheBlockGates(target),
    retiredInstructions(target),
    memoryFaults(target),
  ];
}
