// Groups about interrupts: pending, enabled, delegated, vectored; what S mode sees of them; its timer.

import type { Emitter, Group } from "./emitter.js";
import { csrc, csrs, csrw, Mode, probe, probes } from "./probe.js";

const MODES = [Mode.U, Mode.S, Mode.M];
const [SIE, MIE, SPIE, MPIE] = [1 << 1, 1 << 3, 1 << 5, 1 << 7];
const FS = 3 << 13;
/** What S mode may write of sstatus: SIE, SPIE, SPP, FS, SUM, MXR; with UXL at 64 bits, where both machines keep it. */
const SSTATUS = 0xc6122;
const UXL = 2 ** 33;
const [SSI, MSI, STI, MTI, SEI] = [1 << 1, 1 << 3, 1 << 5, 1 << 7, 1 << 9];
const MSIP = 0x0200_0000;
const MTIMECMP = 0x0200_4000;

/** Pending interrupts of every kind, alone and together, against enables, delegation and modes. */
function interrupts(): Group[] {
  const raise = (emit: Emitter, bits: number) => {
    emit.asm(`li t0, ${MSIP}`, `li t1, ${bits & MSI ? 1 : 0}`, "sw t1, 0(t0)");
    emit.asm(`li t0, ${MTIMECMP}`, `li t1, ${bits & MTI ? 0 : -1}`, "sd t1, 0(t0)");
    emit.asm(...csrw("mip", bits & (SSI | STI | SEI)));
  };
  // QEMU 7.2 takes the lowest number first; these are sets in which that is the specified order too.
  const sets = [SSI, MSI, STI, MTI, SEI, SSI | STI, MSI | MTI, MTI | SEI, MSI | SEI];
  return [0, SSI | STI | SEI, SSI, SEI | STI].flatMap((mideleg) =>
    [0, 1].map((vectored) =>
      probes(`interrupts with mideleg ${mideleg}, ${vectored ? "vectored" : "direct"}`, (emit) => {
        if (vectored) emit.asm("la t0, m_vectors + 1", "csrw mtvec, t0", "la t0, s_vectors + 1", "csrw stvec, t0");
        emit.asm(...csrw("mideleg", mideleg));
        for (const set of sets) {
          for (const mie of [set, 0xaaa & ~set, 0xaaa, set & -set]) {
            for (const mode of MODES) {
              for (const enables of [0, SIE, MPIE, SIE | MPIE]) {
                emit.asm(...csrc("mstatus", SIE | MIE | MPIE | SPIE), ...csrs("mstatus", enables), ...csrw("mie", mie));
                raise(emit, set);
                // S mode's handler must not be interrupted before its ecall: M mode's interrupts win anyway.
                probe(emit, mode, ["nop", "nop"]);
                emit.asm("csrw mie, zero", "csrr a5, mip", "csrr a6, sip");
                emit.mix("a5", "a6");
                raise(emit, 0);
              }
            }
          }
        }
        emit.asm("la t0, probe_trap", "csrw mtvec, t0");
      }),
    ),
  );
}

/** What S mode sees and may change of interrupt registers. */
function supervisorViews(): Group {
  return probes("sstatus, sie and sip", (emit) => {
    for (const mideleg of [0, SSI, STI, SEI, SSI | STI | SEI]) {
      emit.asm(...csrw("mideleg", mideleg));
      // The interrupts that exist; QEMU has more, of extensions that vkrun lacks.
      for (const value of [0, 0xaaa]) {
        emit.asm(
          ...csrw("mie", value),
          "csrr a5, sie",
          `li a6, ${0xaaa & ~value}`,
          "csrw sie, a6",
          "csrr a6, mie",
          "csrr a7, sie",
        );
        emit.mix("a5", "a6", "a7");
        emit.asm(
          ...csrw("mip", value),
          "csrr a5, sip",
          `li a6, ${0xaaa & ~value}`,
          "csrw sip, a6",
          "csrr a6, mip",
          "csrr a7, sip",
        );
        emit.mix("a5", "a6", "a7");
        emit.asm(
          "csrw mie, zero",
          "csrw mip, zero",
          `li a6, ${UXL + (value && SSTATUS)}`,
          "csrw sstatus, a6",
          "csrr a5, sstatus",
          "csrr a6, mstatus",
        );
        emit.mix("a5", "a6");
        emit.asm(...csrw("mstatus", FS));
      }
    }
  });
}

/** Sstc: stimecmp makes STIP, which software can then not write. */
function supervisorTimer(): Group {
  return probes("stimecmp", (emit) => {
    const stce = ["li t0, 1", "slli t0, t0, 63", "csrs 0x30a, t0"];
    for (const enabled of [false, true]) {
      for (const mcounteren of [0, 2]) {
        emit.asm(
          "li t0, 1",
          "slli t0, t0, 63",
          "csrc 0x30a, t0",
          ...(enabled ? stce : []),
          ...csrw("mcounteren", mcounteren),
        );
        emit.asm("csrw mideleg, zero", ...csrw("mie", 0), "li t0, -1", "csrw 0x14d, t0");
        for (const mode of MODES) {
          probe(emit, mode, ["csrr a5, 0x14d"]);
          probe(emit, mode, ["li a5, -1", "csrw 0x14d, a5"]);
        }
        if (!enabled) continue;
        emit.asm("csrr a5, mip", "csrw 0x14d, zero", "csrr a6, mip", "csrw mip, zero", "csrr a7, mip");
        emit.mix("a5", "a6", "a7");
        emit.asm(...csrw("mideleg", STI), ...csrw("mie", STI), ...csrs("mstatus", SIE));
        probe(emit, Mode.S, ["nop", "nop"]);
        emit.asm("li t0, -1", "csrw 0x14d, t0", "csrr a5, mip");
        emit.mix("a5");
      }
    }
    emit.asm("li t0, 1", "slli t0, t0, 63", "csrc 0x30a, t0");
  });
}

export function interruptGroups(): Group[] {
  return [...interrupts(), supervisorViews(), supervisorTimer()];
}
