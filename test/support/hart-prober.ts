// Makes single accesses and fences as S and U mode would: loads and stores through mstatus.MPRV, fetches by mret.
// Each runs real guest code, so that it goes through the TLB as a kernel's accesses do.

import { Layout } from "../../src/generated/layout.js";
import { Cause, Csr, type Privilege } from "../../src/generated/shared/privileged.js";
import { RunExit } from "../../src/generated/shared/run-exit.js";
import { a0, a1, a2, Code, t0, zero } from "./hart-code.js";
import type { HartMachine } from "./hart-machine.js";

const MPRV = 1n << 17n;
const MPP_SHIFT = 11n;
const UNTOUCHED = 0x0bad_0bad_0bad_0badn;

/** What an access came to: the value loaded or fetched (0 for stores), or the exception. */
export type Outcome = { readonly value: bigint } | { readonly cause: number; readonly tval: bigint };

export type Mode = Privilege.U | Privilege.S;

export class Prober {
  readonly #code: Code;

  constructor(
    private readonly machine: HartMachine,
    gpa: bigint,
  ) {
    const access = (code: Code, label: string, mnemonic: string): Code => {
      code.label(label).csrw(Csr.MSTATUS, t0);
      if (mnemonic.startsWith("l")) code.load(mnemonic, a0, a1);
      else code.store(mnemonic, a0, a1);
      return code.addi(a2, zero, 0).csrw(Csr.MSTATUS, zero).op("wfi");
    };
    const code = new Code(gpa);
    for (const mnemonic of ["lb", "lbu", "lh", "lhu", "lw", "lwu", "ld", "sb", "sh", "sw", "sd"]) {
      access(code, mnemonic, mnemonic);
    }
    code.label("fetch").csrw(Csr.MSTATUS, t0).csrw(Csr.MEPC, a1).op("mret");
    code.label("satp").csrw(Csr.SATP, t0).op("wfi");
    code.label("fence").op("sfence.vma").op("wfi");
    code.label("fence va").op("sfence.vma", { rs1: a0 }).op("wfi");
    code.label("fence asid").op("sfence.vma", { rs2: a1 }).op("wfi");
    code.label("fence va asid").op("sfence.vma", { rs1: a0, rs2: a1 }).op("wfi");
    code.label("handler").op("wfi");
    machine.put(code);
    this.#code = code;
    machine.setCsr(Csr.MTVEC, code.address("handler"));
  }

  /** Where the prober's own code lies, which runs in M mode. */
  get codePage(): bigint {
    return this.#code.base;
  }

  /** One load or store, by mnemonic. `status` holds mstatus bits besides: SUM, MXR. */
  access(mnemonic: string, va: bigint, mode: Mode, status = 0n, value = 0n): Outcome {
    const { machine } = this;
    machine.setX(t0, status | MPRV | (BigInt(mode) << MPP_SHIFT));
    machine.setX(a0, mnemonic.startsWith("l") ? UNTOUCHED : value);
    machine.setX(a1, va);
    machine.setX(a2, 1n);
    this.#run(mnemonic);
    if (machine.x(a2) !== 0n) return this.#trapped();
    return { value: mnemonic.startsWith("l") ? machine.x(a0) : 0n };
  }

  load(va: bigint, mode: Mode, status = 0n): Outcome {
    return this.access("ld", va, mode, status);
  }

  store(va: bigint, value: bigint, mode: Mode, status = 0n): Outcome {
    return this.access("sd", va, mode, status, value);
  }

  /** Executes at `va`, where an instruction should set a0 and an ebreak follow; answers a0. */
  fetch(va: bigint, mode: Mode, status = 0n): Outcome {
    const { machine } = this;
    machine.setX(t0, status | (BigInt(mode) << MPP_SHIFT));
    machine.setX(a0, UNTOUCHED);
    machine.setX(a1, va);
    this.#run("fetch");
    const outcome = this.#trapped();
    return "cause" in outcome && outcome.cause === Cause.BREAKPOINT ? { value: machine.x(a0) } : outcome;
  }

  setSatp(satp: bigint): void {
    this.machine.setX(t0, satp);
    this.#run("satp");
  }

  fence({ va, asid }: { va?: bigint; asid?: number } = {}): void {
    this.machine.setX(a0, va ?? 0n);
    this.machine.setX(a1, BigInt(asid ?? 0));
    this.#run(["fence", ...(va === undefined ? [] : ["va"]), ...(asid === undefined ? [] : ["asid"])].join(" "));
  }

  #trapped(): Outcome {
    const { cause, value } = this.machine.machineTrap;
    return { cause: Number(cause), tval: value };
  }

  #run(label: string): void {
    const { machine } = this;
    machine.setField64(Layout.HART.PC, this.#code.address(label));
    if (machine.run(100) !== RunExit.Idle)
      throw new Error(`${label} did not come back, pc=0x${machine.pc.toString(16)}`);
    machine.view.setUint32(machine.hart + Layout.HART.WAITING, 0, true);
  }
}
