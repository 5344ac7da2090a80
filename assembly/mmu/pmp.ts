// Physical memory protection: 16 entries (Privileged 3.7).

import { Hart } from "../hart/hart";
import { HART_PMPADDR, HART_PMPCFG } from "../hart/hart-offsets";
import { PAGE_MASK, PAGE_OFFSET_MASK, PAGE_SIZE, RAM_BASE } from "../layout";
import { Privilege } from "../shared/privileged";
import { Access } from "./access";
import { Ram } from "./ram";

export const PMP_ENTRIES: u32 = 16;

const enum Cfg {
  R = 1,
  W = 2,
  X = 4,
  A_SHIFT = 3,
  A = 3 << 3,
  OFF = 0,
  TOR = 1,
  NA4 = 2,
  L = 0x80,
  /** Bits that software may set. */
  WRITABLE = 0x9f,
}

/** pmpaddr holds bits 55:2 of an address. */
const ADDRESS_BITS: u64 = (1 << 54) - 1;

export class Pmp {
  @inline static cfg(hart: Hart, i: u32): u32 {
    return load<u8>(changetype<usize>(hart) + i, HART_PMPCFG);
  }

  @inline static address(hart: Hart, i: u32): u64 {
    return load<u64>(changetype<usize>(hart) + (i << 3), HART_PMPADDR);
  }

  /** A pmpcfg CSR on RV64 holds eight entries; odd ones do not exist. */
  static readCfg(hart: Hart, register: u32): u64 {
    return load<u64>(changetype<usize>(hart) + (register << 2), HART_PMPCFG);
  }

  static writeCfg(hart: Hart, register: u32, value: u64): void {
    for (let i: u32 = 0; i < 8; i++) {
      const entry = (register << 2) + i;
      if (Pmp.cfg(hart, entry) & Cfg.L) continue;
      let cfg = <u32>(value >> ((<u64>i) << 3)) & Cfg.WRITABLE;
      // W without R is reserved; the field is WARL: drop both (3.7.1).
      if ((cfg & (Cfg.R | Cfg.W)) == Cfg.W) cfg &= ~(<u32>Cfg.W);
      store<u8>(changetype<usize>(hart) + entry, cfg, HART_PMPCFG);
    }
  }

  static writeAddress(hart: Hart, i: u32, value: u64): void {
    if (Pmp.cfg(hart, i) & Cfg.L) return;
    // The lower bound of a locked TOR entry is locked with it.
    if (i + 1 < PMP_ENTRIES) {
      const next = Pmp.cfg(hart, i + 1);
      if (next & Cfg.L && (next & Cfg.A) >> Cfg.A_SHIFT == Cfg.TOR) return;
    }
    store<u64>(changetype<usize>(hart) + (i << 3), value & ADDRESS_BITS, HART_PMPADDR);
  }

  /** Everything allowed to S and U, as firmware leaves it that hands the machine to a kernel. */
  static allowAll(hart: Hart): void {
    store<u64>(changetype<usize>(hart), ADDRESS_BITS, HART_PMPADDR);
    store<u8>(changetype<usize>(hart), Cfg.R | Cfg.W | Cfg.X | Cfg.A, HART_PMPCFG);
  }

  /** Whether `privilege` may make `access` to all of [gpa, gpa + size). The lowest-numbered entry that matches any byte decides. */
  static allows(hart: Hart, gpa: u64, size: u64, access: Access, privilege: u32): bool {
    for (let i: u32 = 0; i < PMP_ENTRIES; i++) {
      const cfg = Pmp.cfg(hart, i);
      if (!(cfg & Cfg.A)) continue;
      const start = Pmp.start(hart, i, cfg);
      const last = Pmp.last(hart, i, cfg);
      // An empty TOR region has last + 1 == start or less and matches nothing.
      if (last + 1 <= start || gpa > last || gpa + size - 1 < start) continue;
      if (gpa < start || gpa + size - 1 > last) return false;
      if (privilege == Privilege.M && !(cfg & Cfg.L)) return true;
      return (cfg & Pmp.permission(access)) != 0;
    }
    return privilege == Privilege.M;
  }

  /** Whether the answer of `allows` is the same for every byte of the page of `gpa`, so that it may be kept in a TLB. */
  static isUniform(hart: Hart, gpa: u64): bool {
    const first = gpa & PAGE_MASK;
    const final = first + (PAGE_SIZE - 1);
    for (let i: u32 = 0; i < PMP_ENTRIES; i++) {
      const cfg = Pmp.cfg(hart, i);
      if (!(cfg & Cfg.A)) continue;
      const start = Pmp.start(hart, i, cfg);
      const last = Pmp.last(hart, i, cfg);
      if (last + 1 <= start || final < start || first > last) continue;
      return first >= start && final <= last;
    }
    return true;
  }

  /** Whether `privilege` may load from and store to all of RAM, wherever an access begins and ends. */
  static opensRam(hart: Hart, privilege: u32): bool {
    const first = RAM_BASE;
    const final = RAM_BASE + <u64>Ram.size - 1;
    for (let i: u32 = 0; i < PMP_ENTRIES; i++) {
      const cfg = Pmp.cfg(hart, i);
      if (!(cfg & Cfg.A)) continue;
      const start = Pmp.start(hart, i, cfg);
      const last = Pmp.last(hart, i, cfg);
      if (last + 1 <= start || final < start || first > last) continue;
      const open = (privilege == Privilege.M && !(cfg & Cfg.L)) || (cfg & (Cfg.R | Cfg.W)) == (Cfg.R | Cfg.W);
      if (first >= start && final <= last) return open;
      // An access that an entry matches in part fails, whatever is permitted (3.7.1, "Priority and Matching Logic"): but where
      // pages end, none is in one piece.
      if (!open || ((start | (last + 1)) & PAGE_OFFSET_MASK) != 0) return false;
    }
    return privilege == Privilege.M;
  }

  @inline private static permission(access: Access): u32 {
    if (access == Access.LOAD) return Cfg.R;
    return access == Access.STORE ? Cfg.W : Cfg.X;
  }

  private static start(hart: Hart, i: u32, cfg: u32): u64 {
    const address = Pmp.address(hart, i);
    const mode = (cfg & Cfg.A) >> Cfg.A_SHIFT;
    if (mode == Cfg.TOR) return i == 0 ? 0 : Pmp.address(hart, i - 1) << 2;
    if (mode == Cfg.NA4) return address << 2;
    return (address & (address + 1)) << 2;
  }

  private static last(hart: Hart, i: u32, cfg: u32): u64 {
    const address = Pmp.address(hart, i);
    const mode = (cfg & Cfg.A) >> Cfg.A_SHIFT;
    if (mode == Cfg.TOR) return (address << 2) - 1;
    if (mode == Cfg.NA4) return (address << 2) + 3;
    return ((address | (address + 1)) << 2) + 3;
  }
}
