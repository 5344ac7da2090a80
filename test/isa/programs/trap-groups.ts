// Groups about traps: causes and values, delegation, the status stack, interrupts and their priorities, vectors, and
// the bits of mstatus, mcounteren and scounteren that make instructions illegal.

import type { Group, Target } from "./emitter.js";
import { csrc, csrs, csrw, Mode, probe, probes } from "./probe.js";

const MODES = [Mode.U, Mode.S, Mode.M];
const [SIE, MIE, SPIE, MPIE, SPP] = [1 << 1, 1 << 3, 1 << 5, 1 << 7, 1 << 8];
const [TVM, TW, TSR] = [1 << 20, 1 << 21, 1 << 22];
const FS = 3 << 13;
const SSI = 1 << 1;

/** Nothing at this address: neither QEMU's virt machine nor vkrun puts a device between CLINT and PLIC. */
const NOWHERE = 0x0800_0000;

function environmentCalls(): Group[] {
  // All but the ecall from S mode, by which the handler of S mode itself comes back.
  return [0, 1 << 8, 0xf1ff].map((medeleg) =>
    probes(`ecall with medeleg ${medeleg}`, (emit) => {
      emit.asm(...csrw("medeleg", medeleg));
      for (const mode of MODES) {
        for (const enables of [0, SIE, MIE, SIE | MIE]) {
          emit.asm(
            ...csrc("mstatus", SIE | MIE | SPIE | MPIE | SPP),
            ...csrs("mstatus", mode === Mode.M ? 0 : enables),
          );
          probe(emit, mode, []);
        }
      }
    }),
  );
}

function exceptions(): Group[] {
  const causes: Record<string, readonly string[]> = {
    "illegal word": [".4byte 0xffffffff"],
    "illegal parcel": [".2byte 0"],
    "csr of a higher mode": ["csrr a5, mstatus"],
    "supervisor csr": ["csrw sscratch, a5"],
    "read-only csr": ["csrw cycle, a5"],
    mret: ["mret"],
    "load from nowhere": [`li a5, ${NOWHERE}`, "ld a6, 8(a5)"],
    "store to nowhere": [`li a5, ${NOWHERE}`, "sw a6, 4(a5)"],
    "load beyond physical addresses": ["li a5, 0x100000000000000", "lb a6, 1(a5)"],
    "jump to nowhere": [`li a5, ${NOWHERE}`, "jr a5"],
    "misaligned lr": ["la a5, scratch + 4", "lr.d a6, (a5)"],
  };
  return Object.entries(causes).flatMap(([name, code]) =>
    [0, 0xf0ff].map((medeleg) =>
      probes(`${name}, medeleg ${medeleg}`, (emit) => {
        emit.asm(...csrw("medeleg", medeleg));
        for (const mode of MODES) probe(emit, mode, code);
      }),
    ),
  );
}

/** The breakpoint's value is open; its delegation is not. */
function breakpoints(): Group {
  return probes("ebreak", (emit) => {
    for (const medeleg of [0, 1 << 3]) {
      emit.asm(...csrw("medeleg", medeleg));
      for (const mode of MODES) {
        for (const breakpoint of ["ebreak", ".2byte 0x9002"]) {
          const resume = emit.label();
          const start = emit.label();
          emit.asm(`la s9, ${resume}`, `la t0, ${start}`, "csrw mepc, t0", ...csrc("mstatus", 3 << 11));
          emit.asm(...csrs("mstatus", mode << 11), "li a4, 0", "mret", `${start}:`, breakpoint, "nop", `${resume}:`);
          emit.asm("csrr a5, scause", "csrr a7, sepc");
          emit.mix("a0", "a2", "a3", "a4", "a5", "a7");
        }
      }
    }
  });
}

/** mret and sret: every combination of what they pop. */
function returns(): Group[] {
  const status = (mpp: number, bits: number) => (mpp << 11) | bits | FS;
  const combinations = [0, MPIE, MIE, MPIE | SIE, SPIE | SPP, SPIE | SIE | MPIE, SPP | SIE, SPP | SPIE | MPIE | MIE];
  const machine = probes("mret", (emit) => {
    for (const mpp of [Mode.U, Mode.S, Mode.M]) {
      for (const bits of combinations) {
        for (const mprv of [0, 1 << 17]) {
          const [start, resume] = [emit.label(), emit.label()];
          emit.asm(
            `la s9, ${resume}`,
            `la t0, ${start}`,
            "csrw mepc, t0",
            "li a4, 0",
            ...csrw("mstatus", status(mpp, bits) | mprv),
          );
          emit.cover("mret");
          emit.asm("mret", `${start}:`, "ecall", `${resume}:`);
          // QEMU 7.2 lets MPRV be on the way to a lesser mode: see specified-groups.ts.
          if (mpp !== Mode.M) emit.asm(`li t0, ${~(1 << 17)}`, "and a3, a3, t0");
          emit.mix("a0", "a2", "a3");
        }
      }
    }
  });
  const supervisor = probes("sret", (emit) => {
    for (const mode of [Mode.S, Mode.M]) {
      for (const bits of combinations) {
        const [inMode, start, resume] = [emit.label(), emit.label(), emit.label()];
        emit.asm(
          `la s9, ${resume}`,
          `la t0, ${start}`,
          "csrw sepc, t0",
          `la t0, ${inMode}`,
          "csrw mepc, t0",
          "li a4, 0",
        );
        emit.asm(...csrw("mstatus", status(mode, bits & ~(mode === Mode.M ? MIE | MPIE : 0))), "mret", `${inMode}:`);
        emit.cover("sret");
        emit.asm("sret", `${start}:`, "ecall", `${resume}:`);
        emit.mix("a0", "a2", "a3");
      }
    }
  });
  return [machine, supervisor];
}

/** What mstatus.TVM, TW and TSR forbid to S mode, and S mode's instructions to U mode. */
function virtualization(target: Target): Group {
  return probes("TVM, TW and TSR", (emit) => {
    const code: readonly (readonly string[])[] = [
      ["sfence.vma"],
      ["sfence.vma a5, a6"],
      ["sinval.vma a5, a6"],
      ["sfence.w.inval"],
      ["sfence.inval.ir"],
      ["csrr a5, satp"],
      ["csrw satp, zero"],
      ["la a5, 1f", "csrw sepc, a5", "sret", "1:"],
    ];
    for (const mnemonic of ["sfence.vma", "sinval.vma", "sfence.w.inval", "sfence.inval.ir", "wfi"])
      emit.cover(mnemonic);
    for (const bits of [0, TVM, TSR, TVM | TSR, TW]) {
      emit.asm(...csrc("mstatus", TVM | TSR | TW), ...csrs("mstatus", bits));
      // QEMU 7.2 leaves mtval zero where Svinval is forbidden, which an implementation may.
      const value = (lines: readonly string[]) => !/^(?:sinval|sfence\.)/.test(lines[0] ?? "");
      for (const mode of MODES) {
        for (const lines of code) {
          // QEMU 7.2 executes these two in U mode, where they are illegal (Svinval).
          const mended = target === "qemu" && mode === Mode.U && /^sfence\.(?:w\.inval|inval\.ir)/.test(lines[0] ?? "");
          probe(emit, mode, mended ? [".4byte 0xffffffff"] : lines, { value: value(lines) });
        }
      }
    }
    // wfi comes back at once when something is pending and enabled, whether or not it is delivered.
    emit.asm(...csrs("mie", SSI), ...csrs("mip", SSI), ...csrw("mideleg", SSI));
    for (const bits of [0, TW]) {
      emit.asm(...csrc("mstatus", TW), ...csrs("mstatus", bits));
      for (const mode of [Mode.S, Mode.M]) probe(emit, mode, ["wfi"]);
    }
    emit.asm(...csrw("mideleg", 0), "csrw mie, zero", "csrw mip, zero");
    probe(emit, Mode.U, ["wfi"]);
  });
}

/** Which counters S and U may read. */
function counterGates(): Group {
  return probes("mcounteren and scounteren", (emit) => {
    for (const mcounteren of [0, 1, 2, 4, 7, 8, 0xf]) {
      for (const scounteren of [0, 1, 2, 4, 7, 8, 0xf]) {
        emit.asm(...csrw("mcounteren", mcounteren), ...csrw("scounteren", scounteren));
        for (const counter of ["cycle", "time", "instret", "hpmcounter3"]) {
          for (const mode of [Mode.U, Mode.S]) probe(emit, mode, [`csrr a5, ${counter}`]);
        }
      }
    }
  });
}

/** Floating point with mstatus.FS off; and what sets it to dirty. */
function floatState(): Group {
  return probes("mstatus.FS", (emit) => {
    // Whether an operation that wrote no register and raised no flag makes the state dirty is open.
    const code: readonly { lines: string; dirties: boolean }[] = [
      { lines: "flw fa0, 0(a5)", dirties: true },
      { lines: "fsd fa0, 0(a5)", dirties: false },
      { lines: "fadd.d fa0, fa1, fa2", dirties: true },
      { lines: "feq.d a6, fa1, fa2", dirties: false },
      { lines: "fmv.x.d a6, fa0", dirties: false },
      { lines: "csrr a6, fcsr", dirties: false },
      { lines: "csrw fflags, zero", dirties: true },
      { lines: "csrw frm, zero", dirties: true },
      { lines: ".2byte 0x2388  // c.fld fa0, 0(a5)", dirties: true },
    ];
    for (const fs of [0, 1, 2, 3]) {
      for (const { lines, dirties } of code) {
        emit.asm("la a5, scratch", ...csrc("mstatus", FS), ...csrs("mstatus", fs << 13));
        probe(emit, Mode.S, [lines], { status: dirties || fs === 0 || fs === 3 });
      }
    }
    emit.asm(...csrs("mstatus", FS));
  });
}

/** Fields that take only some values, where the specification says which; or what both machines implement. */
function legalValues(): Group {
  return probes("WARL fields", (emit) => {
    const registers = ["mtvec", "stvec", "mepc", "sepc", "mscratch", "sscratch", "mcause", "scause", "mtval", "stval"];
    for (const register of registers) {
      // Vector modes above 1 are reserved, and what a write of them leaves is open.
      const values = register.endsWith("tvec")
        ? [0, 1, 0x80000000, 0x80000001, -4, -3]
        : [0, 1, 2, 3, -1, -2, 0x80000001];
      // QEMU 7.2 keeps bit 0 of mepc and sepc, which is always zero.
      for (const value of register.endsWith("epc") ? values.filter((one) => one % 2 === 0) : values) {
        emit.asm(`li a5, ${value}`, `csrrw a6, ${register}, a5`, `csrr a7, ${register}`);
        // Exception codes have as many bits as there are codes: those that exist must be kept.
        if (register.endsWith("cause")) emit.asm("li t0, 0x800000000000003f", "and a6, a6, t0", "and a7, a7, t0");
        emit.mix("a6", "a7");
      }
    }
    emit.asm("la t0, probe_trap", "csrw mtvec, t0");
    // satp: a mode that does not exist leaves all of it alone.
    for (const mode of [0, 8, 1, 9, 2, 7, 10, 11, 15, 0]) {
      emit.asm(
        `li a5, ${mode}`,
        "slli a5, a5, 60",
        "li a6, 0x00012000000fffff",
        "or a5, a5, a6",
        "csrw satp, a5",
        "csrr a6, satp",
      );
      emit.mix("a6");
    }
    emit.asm("csrw satp, zero");
    for (const mpp of [0, 1, 3, 2]) {
      emit.asm(...csrw("mstatus", FS | (mpp << 11)), "csrr a5, mstatus");
      if (mpp !== 2) emit.mix("a5");
    }
    emit.asm(...csrw("mstatus", FS));
  });
}

export function trapGroups(target: Target): Group[] {
  return [
    ...environmentCalls(),
    ...exceptions(),
    breakpoints(),
    ...returns(),
    virtualization(target),
    counterGates(),
    floatState(),
    legalValues(),
  ];
}
