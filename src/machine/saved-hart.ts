/**
 * A hart as a checkpoint holds it: every register and every other field that its guest could notice, by name. What else is in
 * its record belongs to the engine (where it is in which block, its TLB contexts) and is made anew.
 */
import { VkrunError } from "../errors.js";
import { Layout } from "../generated/layout.js";
import type { Core } from "../wasm/core.js";

/** Names are those of the RISC-V specifications where they have one; 64-bit values are bigints. */
export interface SavedHart {
  readonly version: number;
  readonly fields: Readonly<Record<string, number | bigint>>;
  /** x0 to x31, f0 to f31, pmpaddr0 to pmpaddr15: little-endian. */
  readonly x: Uint8Array;
  readonly f: Uint8Array;
  readonly pmpaddr: Uint8Array;
  readonly pmpcfg: Uint8Array;
}

const VERSION = 1;
const { HART } = Layout;

const WIDE = {
  pc: HART.PC,
  icount: HART.ICOUNT,
  mstatus: HART.MSTATUS,
  medeleg: HART.MEDELEG,
  mideleg: HART.MIDELEG,
  mie: HART.MIE,
  mip: HART.MIP,
  mtvec: HART.MTVEC,
  mscratch: HART.MSCRATCH,
  mepc: HART.MEPC,
  mcause: HART.MCAUSE,
  mtval: HART.MTVAL,
  menvcfg: HART.MENVCFG,
  stvec: HART.STVEC,
  sscratch: HART.SSCRATCH,
  sepc: HART.SEPC,
  scause: HART.SCAUSE,
  stval: HART.STVAL,
  satp: HART.SATP,
  senvcfg: HART.SENVCFG,
  stimecmp: HART.STIMECMP,
  mtimecmp: HART.MTIMECMP,
  traps: HART.TRAPS,
  cycleOffset: HART.CYCLE_OFFSET,
  instretOffset: HART.INSTRET_OFFSET,
  anchorTime: HART.ANCHOR_TIME,
  anchorCount: HART.ANCHOR_COUNT,
  reservation: HART.RESERVATION,
  resumePc: HART.RESUME_PC,
  resumeArgument: HART.RESUME_ARGUMENT,
} as const;

const NARROW = {
  privilege: HART.PRIVILEGE,
  waiting: HART.WAITING,
  sbi: HART.SBI,
  seipSoftware: HART.SEIP_SOFTWARE,
  seipWire: HART.SEIP_WIRE,
  mcounteren: HART.MCOUNTEREN,
  scounteren: HART.SCOUNTEREN,
  mcountinhibit: HART.MCOUNTINHIBIT,
  frm: HART.FRM,
  fflags: HART.FFLAGS,
  rate: HART.RATE,
  reservationValid: HART.RESERVATION_VALID,
  suspended: HART.SUSPENDED,
  resetRequested: HART.RESET_REQUESTED,
  resetType: HART.RESET_TYPE,
  resetReason: HART.RESET_REASON,
  fetchAlone: HART.FETCH_ALONE,
} as const;

const FILES = {
  x: [HART.X, 32 * 8],
  f: [HART.F, 32 * 8],
  pmpaddr: [HART.PMPADDR, 16 * 8],
  pmpcfg: [HART.PMPCFG, 16],
} as const;

/** Between slices. */
export function saveHart(core: Core, hart: number): SavedHart {
  const { view, bytes } = core;
  const fields: Record<string, number | bigint> = {};
  for (const [name, offset] of Object.entries(WIDE)) fields[name] = view.getBigUint64(hart + offset, true);
  for (const [name, offset] of Object.entries(NARROW)) fields[name] = view.getUint32(hart + offset, true);
  const file = ([offset, length]: readonly [number, number]) => bytes.slice(hart + offset, hart + offset + length);
  return {
    ...{ version: VERSION, fields, x: file(FILES.x), f: file(FILES.f) },
    ...{ pmpaddr: file(FILES.pmpaddr), pmpcfg: file(FILES.pmpcfg) },
  };
}

/** In a core that was just instantiated, whose RAM is what it was. */
export function restoreHart(core: Core, hart: number, saved: SavedHart): void {
  if (saved.version !== VERSION) throw damaged(`its version is ${String(saved.version)}, not ${VERSION}`);
  const { view, bytes } = core;
  for (const [name, offset] of Object.entries(WIDE)) {
    const value = saved.fields[name];
    if (typeof value !== "bigint" && !Number.isSafeInteger(value)) throw damaged(`it has no ${name}`);
    view.setBigUint64(hart + offset, BigInt.asUintN(64, BigInt(value as number | bigint)), true);
  }
  for (const [name, offset] of Object.entries(NARROW)) {
    const value = saved.fields[name];
    if (value === undefined) throw damaged(`it has no ${name}`);
    view.setUint32(hart + offset, Number(BigInt.asUintN(32, BigInt(value))), true);
  }
  for (const [name, [offset, length]] of Object.entries(FILES)) {
    const file = saved[name as keyof typeof FILES];
    if (!(file instanceof Uint8Array) || file.length !== length) throw damaged(`its registers ${name} are incomplete`);
    bytes.set(file, hart + offset);
  }
  if ((view.getUint32(hart + HART.PRIVILEGE, true) & ~3) !== 0) throw damaged("it is in no mode");
  core.exports.hartRestored(hart);
}

function damaged(what: string): VkrunError {
  return new VkrunError("ERR_VKRUN_CHECKPOINT_INVALID", `the saved hart cannot be restored: ${what}`, {
    hint: "The checkpoint is damaged, or was made by an incompatible version of vkrun.",
  });
}
