// Constants of the RISC-V Privileged Architecture (version 1.13): modes, causes, status bits, CSR numbers.

/** Privilege modes (table 1). */
export const enum Privilege {
  U = 0,
  S = 1,
  M = 3,
}

/** Synchronous exception codes, mcause with the interrupt bit clear (table 14). */
export const enum Cause {
  FETCH_MISALIGNED = 0,
  FETCH_ACCESS = 1,
  ILLEGAL = 2,
  BREAKPOINT = 3,
  LOAD_MISALIGNED = 4,
  LOAD_ACCESS = 5,
  STORE_MISALIGNED = 6,
  STORE_ACCESS = 7,
  ECALL_U = 8,
  ECALL_S = 9,
  ECALL_M = 11,
  FETCH_PAGE = 12,
  LOAD_PAGE = 13,
  STORE_PAGE = 15,
}

/** Interrupt codes, which are also bit numbers in mip, mie and mideleg. */
export const enum Interrupt {
  SSI = 1,
  MSI = 3,
  STI = 5,
  MTI = 7,
  SEI = 9,
  MEI = 11,
}

/** Interrupt codes as masks. */
export const enum Ip {
  SSIP = 0x002,
  MSIP = 0x008,
  STIP = 0x020,
  MTIP = 0x080,
  SEIP = 0x200,
  MEIP = 0x800,
  S_MASK = 0x222,
  ALL = 0xaaa,
}

/** mstatus (3.1.6), the bits below bit 31. */
export const enum Mstatus {
  SIE = 1 << 1,
  MIE = 1 << 3,
  SPIE = 1 << 5,
  MPIE = 1 << 7,
  SPP = 1 << 8,
  MPP_SHIFT = 11,
  MPP = 3 << 11,
  FS_SHIFT = 13,
  FS = 3 << 13,
  FS_INITIAL = 1 << 13,
  MPRV = 1 << 17,
  SUM = 1 << 18,
  MXR = 1 << 19,
  TVM = 1 << 20,
  TW = 1 << 21,
  TSR = 1 << 22,
}

/** Page-table entry (4.3.1). */
export const enum Pte {
  V = 1,
  R = 2,
  W = 4,
  X = 8,
  U = 16,
  G = 32,
  A = 64,
  D = 128,
}

/** satp.MODE (4.1.11). */
export const enum SatpMode {
  BARE = 0,
  SV39 = 8,
  SV48 = 9,
  SV57 = 10,
}

/** CSR numbers (chapter 2, and the F, Zicntr and Zihpm chapters of the unprivileged manual). */
export const enum Csr {
  FFLAGS = 0x001,
  FRM = 0x002,
  FCSR = 0x003,
  CYCLE = 0xc00,
  TIME = 0xc01,
  INSTRET = 0xc02,
  HPMCOUNTER3 = 0xc03,
  HPMCOUNTER31 = 0xc1f,
  SSTATUS = 0x100,
  SIE = 0x104,
  STVEC = 0x105,
  SCOUNTEREN = 0x106,
  SENVCFG = 0x10a,
  SSCRATCH = 0x140,
  SEPC = 0x141,
  SCAUSE = 0x142,
  STVAL = 0x143,
  SIP = 0x144,
  STIMECMP = 0x14d,
  SATP = 0x180,
  MVENDORID = 0xf11,
  MARCHID = 0xf12,
  MIMPID = 0xf13,
  MHARTID = 0xf14,
  MCONFIGPTR = 0xf15,
  MSTATUS = 0x300,
  MISA = 0x301,
  MEDELEG = 0x302,
  MIDELEG = 0x303,
  MIE = 0x304,
  MTVEC = 0x305,
  MCOUNTEREN = 0x306,
  MENVCFG = 0x30a,
  MCOUNTINHIBIT = 0x320,
  MHPMEVENT3 = 0x323,
  MHPMEVENT31 = 0x33f,
  MSCRATCH = 0x340,
  MEPC = 0x341,
  MCAUSE = 0x342,
  MTVAL = 0x343,
  MIP = 0x344,
  PMPCFG0 = 0x3a0,
  PMPCFG2 = 0x3a2,
  PMPCFG15 = 0x3af,
  PMPADDR0 = 0x3b0,
  PMPADDR63 = 0x3ef,
  MCYCLE = 0xb00,
  MINSTRET = 0xb02,
  MHPMCOUNTER3 = 0xb03,
  MHPMCOUNTER31 = 0xb1f,
}
