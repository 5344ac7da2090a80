// The built-in SBI beside OpenSBI, on one program: where the specification leaves no choice, both must answer the same.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  assembleSbiProgram,
  call,
  error,
  report,
  runOnBuiltInSbi,
  runOnOpenSbi,
  type SbiProgram,
} from "../support/hart-sbi-program.js";

const BASE = 0x10;
const TIME = 0x5449_4d45;
const IPI = 0x73_5049;
const RFENCE = 0x5246_4e43;
const HSM = 0x48_534d;
const SRST = 0x5352_5354;

const PROGRAM = `
main:
${error("spec_version", BASE, 0)}
${error("impl_id", BASE, 1)}
${error("impl_version", BASE, 2)}
${error("mvendorid", BASE, 4)}
${error("base_unknown_function", BASE, 99)}
${call("probe_base", BASE, 3, BASE)}
${call("probe_time", BASE, 3, TIME)}
${call("probe_ipi", BASE, 3, IPI)}
${call("probe_rfence", BASE, 3, RFENCE)}
${call("probe_hsm", BASE, 3, HSM)}
${call("probe_srst", BASE, 3, SRST)}
${call("probe_nothing", BASE, 3, 0x12345)}
${error("unknown_extension", 0x12345, 0)}

  // Every register but a0 and a1 is kept.
  li a2, 0x22
  li a3, 0x33
  li a4, 0x44
  li a5, 0x55
  li s0, 0x80
  li a6, 3
  li a7, ${BASE}
  li a0, ${TIME}
  ecall
  slli a2, a2, 32
  slli a3, a3, 24
  slli a4, a4, 16
  or a2, a2, a3
  or a2, a2, a4
  or a2, a2, a5
  or a2, a2, s0
${report("kept", "a2", "a7")}

  // The timer: never, now, never again.
${error("set_timer_never", TIME, 0, -1)}
  csrr s0, sip
  andi s0, s0, 0x20
${error("set_timer_now", TIME, 0, 0)}
1: csrr s1, sip
  andi s1, s1, 0x20
  beqz s1, 1b
${report("stip_never_and_now", "s0", "s1")}
${error("set_timer_off", TIME, 0, -1)}
  csrr s0, sip
  andi s0, s0, 0x20
${report("stip_off", "s0", "zero")}
${error("time_unknown_function", TIME, 7)}

  // An interrupt of the timer, taken.
  la t0, on_timer
  csrw stvec, t0
  li s2, 0
  csrsi sie, 0
  li t0, 0x20
  csrs sie, t0
  rdtime s3
  li t0, 20000
  add a0, s3, t0
  li a6, 0
  li a7, ${TIME}
  ecall
  csrsi sstatus, 2
2: beqz s2, 2b
  csrci sstatus, 2
  sltu s4, s3, s5
${report("timer_cause_and_order", "s2", "s4")}

  // Interprocessor interrupts to oneself.
${error("send_ipi", IPI, 0, 1, 0)}
  csrr s0, sip
  andi s0, s0, 2
  csrci sip, 2
${error("send_ipi_all", IPI, 0, 0, -1)}
  csrr s1, sip
  andi s1, s1, 2
  csrci sip, 2
${report("ssip", "s0", "s1")}
  csrr s1, sip
  andi s1, s1, 2
${report("ssip_cleared", "s1", "zero")}
${error("ipi_unknown_function", IPI, 1)}

${error("fence_i", RFENCE, 0, 1, 0)}
${error("sfence_vma_all", RFENCE, 1, 1, 0, 0, 0)}
${error("sfence_vma_range", RFENCE, 1, 1, 0, 0x80000000, 0x3000)}
${error("sfence_vma_everything", RFENCE, 1, 0, -1, 0, -1)}
${error("sfence_vma_asid", RFENCE, 2, 1, 0, 0x80000000, 0x1000, 5)}
${error("hfence_gvma", RFENCE, 4, 1, 0, 0, 0)}
${error("rfence_unknown_function", RFENCE, 99)}

${call("hart_status", HSM, 2, 0)}
${error("hart_status_missing", HSM, 2, 77)}
${error("hart_start_running", HSM, 0, 0, 0x80200000)}
${error("hart_start_missing", HSM, 0, 77, 0x80200000)}
${error("hart_suspend_reserved", HSM, 3, 1)}
${error("hsm_unknown_function", HSM, 99)}

  // Retentive: comes back with everything in place once an enabled interrupt is pending.
  li t0, 0x20
  csrs sie, t0
  rdtime a0
  li t0, 20000
  add a0, a0, t0
  li a6, 0
  li a7, ${TIME}
  ecall
  li s6, 0x66
  li a0, 0
  li a1, 0
  li a2, 0
  li a6, 3
  li a7, ${HSM}
  ecall
${report("suspend_retentive", "a0", "s6")}

  // Non-retentive: starts over at the address given, in S mode without translation, interrupts off.
  rdtime a0
  li t0, 20000
  add a0, a0, t0
  li a6, 0
  li a7, ${TIME}
  ecall
  li t0, 0x20
  csrs sie, t0
  li a0, 0x80000000
  la a1, resumed
  li a2, 0x5678
  li a6, 3
  li a7, ${HSM}
  ecall
${report("suspend_came_back", "a0", "a1")}
  j shutdown

.balign 4
resumed:
  mv s7, a0
  mv s8, a1
  csrr s9, satp
  csrr s10, sstatus
  andi s10, s10, 2
${report("resumed", "s7", "s8")}
${report("resumed_state", "s9", "s10")}
  j shutdown

.balign 4
on_timer:
  csrr s2, scause
  rdtime s5
  li t0, 0x20
  csrc sie, t0
  sret
`;

describe("the built-in SBI and OpenSBI", () => {
  let program: SbiProgram;
  let answers: { builtIn: string[]; openSbi: string[] };

  beforeAll(async () => {
    program = await assembleSbiProgram(PROGRAM);
    const [builtIn, openSbi] = [await runOnBuiltInSbi(program), await runOnOpenSbi(program)];
    answers = { builtIn: builtIn.trim().split("\n"), openSbi: openSbi.trim().split("\n") };
  }, 120_000);

  afterAll(() => program?.[Symbol.dispose]());

  it("answer every call of the program alike", () => {
    expect(answers.builtIn).toEqual(answers.openSbi);
  });

  it("let the program come to its end", () => {
    expect(answers.builtIn.at(-1)).toBe("resumed_state 0000000000000000 0000000000000000");
    expect(answers.builtIn.length).toBeGreaterThan(40);
  });
});
