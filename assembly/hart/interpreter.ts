// The interpreter: executes predecoded blocks until the slice is over or something wants to be looked at.
//
// A block runs from its first operation to its last without a check in between: its instructions are paid for on
// entry, and a block that would go beyond the end of the slice is cut to fit. Cases that need no more than registers
// and memory that the TLB knows are here; everything else is called, and says in `leave` how to go on.

import { F32 } from "../isa/fp/f32";
import { Op } from "../isa/generated/op";
import { Wide } from "../isa/wide";
import { HART_STRIDE, PAGE_MASK, PAGE_OFFSET_MASK, PAGE_SIZE } from "../layout";
import { Tlb } from "../mmu/tlb";
import { Mstatus } from "../shared/privileged";
import { BLOCK_HEADER, CodeCache, OP_SIZE, PSEUDO_CROSS, PSEUDO_NEXT } from "./code-cache";
import { Hart, Leave, Reg } from "./hart";
import { Memory } from "./memory";
import { SlowAccess, SlowOperation } from "./slow-path";
import { Trap } from "./trap";

/** Where in a hart's part of memory blocks are cut. A block has at most 66 operations of 16 bytes. */
const SCRATCH: usize = HART_STRIDE / 2;

/** The operands of a decoded operation. */
// biome-ignore lint/complexity/noStaticOnlyClass: asc inlines static methods, and only those parse everywhere
class Operand {
  @inline static rs1(hart: Hart, op: usize): u64 {
    return Reg.x(hart, load<u16>(op, 4));
  }

  @inline static rs2(hart: Hart, op: usize): u64 {
    return Reg.x(hart, load<u16>(op, 6));
  }

  @inline static imm(op: usize): u64 {
    return <u64>(<i64>load<i32>(op, 8));
  }

  /** The page offset that a jump or branch goes to; beyond the page as an unsigned number when it leaves it. */
  @inline static target(op: usize): u32 {
    return load<u32>(op, 8);
  }

  @inline static address(hart: Hart, op: usize): u64 {
    return Operand.rs1(hart, op) + Operand.imm(op);
  }

  @inline static fpuOn(hart: Hart): bool {
    return (hart.mstatus & Mstatus.FS) != 0;
  }

  /** Writes a floating-point register, which makes the unit's state dirty. */
  @inline static fd(hart: Hart, op: usize, value: u64): void {
    Reg.setF(hart, load<u16>(op, 2), value);
    hart.mstatus |= Mstatus.FS;
  }

  @inline static rd(hart: Hart, op: usize, value: u64): void {
    Reg.setX(hart, load<u16>(op, 2), value);
  }
}

// biome-ignore lint/complexity/noStaticOnlyClass: see above
export class Interpreter {
  /** Runs `hart.left` instructions at most. Comes back early when `leave` has EVENT. `hart.pc` and `hart.left` are current then. */
  static run(hart: Hart): void {
    let left = hart.left;
    let page = hart.pc & PAGE_MASK;
    let offset = <u32>(hart.pc & PAGE_OFFSET_MASK);
    let codePage: usize = 0;
    let context = hart.dataContext;
    let leave: u32 = Leave.NONE;

    while (true) {
      // Where the program counter is: a page of code, and an offset in it.
      if (codePage == 0 || offset >= PAGE_SIZE) {
        const pc = page + <u64>(<i64>(<i32>offset));
        page = pc & PAGE_MASK;
        offset = <u32>(pc & PAGE_OFFSET_MASK);
        hart.pc = pc;
        if (left <= 0) break;
        const entry = Tlb.fetchEntry(hart.fetchContext, pc);
        if (Tlb.fetchHits(entry, page)) {
          codePage = Tlb.fetchCodePage(entry);
        } else {
          hart.leave = Leave.NONE;
          codePage = Memory.fetchPage(hart, pc);
          if (codePage == 0) {
            left--;
            Trap.exception(hart, pc);
            page = hart.pc & PAGE_MASK;
            offset = <u32>(hart.pc & PAGE_OFFSET_MASK);
            context = hart.dataContext;
            continue;
          }
        }
        hart.codePage = codePage;
      }

      let block = CodeCache.block(codePage, offset);
      if (block == 0) {
        block = CodeCache.decode(codePage, offset);
        if (block == 0) {
          codePage = 0;
          continue;
        }
      }
      const count = CodeCache.count(block);
      if (left < count) {
        if (left <= 0) {
          hart.pc = page + offset;
          break;
        }
        block = CodeCache.truncate(block, left, changetype<usize>(hart) + SCRATCH);
        left = 0;
      } else {
        CodeCache.enter(block);
        left -= count;
      }

      let op = block + BLOCK_HEADER;
      while (true) {
        const code = <i32>load<u16>(op);
        switch (code) {
          case Op.ADDI:
            Operand.rd(hart, op, Operand.rs1(hart, op) + Operand.imm(op));
            op += OP_SIZE;
            continue;
          case Op.ADD:
            Operand.rd(hart, op, Operand.rs1(hart, op) + Operand.rs2(hart, op));
            op += OP_SIZE;
            continue;
          case Op.SUB:
            Operand.rd(hart, op, Operand.rs1(hart, op) - Operand.rs2(hart, op));
            op += OP_SIZE;
            continue;
          case Op.LUI:
            Operand.rd(hart, op, Operand.imm(op));
            op += OP_SIZE;
            continue;
          case Op.AUIPC:
            Operand.rd(hart, op, page + CodeCache.offsetOf(op) + Operand.imm(op));
            op += OP_SIZE;
            continue;
          case Op.SLTI:
            Operand.rd(hart, op, <u64>(<i64>Operand.rs1(hart, op) < <i64>Operand.imm(op)));
            op += OP_SIZE;
            continue;
          case Op.SLTIU:
            Operand.rd(hart, op, <u64>(Operand.rs1(hart, op) < Operand.imm(op)));
            op += OP_SIZE;
            continue;
          case Op.XORI:
            Operand.rd(hart, op, Operand.rs1(hart, op) ^ Operand.imm(op));
            op += OP_SIZE;
            continue;
          case Op.ORI:
            Operand.rd(hart, op, Operand.rs1(hart, op) | Operand.imm(op));
            op += OP_SIZE;
            continue;
          case Op.ANDI:
            Operand.rd(hart, op, Operand.rs1(hart, op) & Operand.imm(op));
            op += OP_SIZE;
            continue;
          case Op.SLT:
            Operand.rd(hart, op, <u64>(<i64>Operand.rs1(hart, op) < <i64>Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.SLTU:
            Operand.rd(hart, op, <u64>(Operand.rs1(hart, op) < Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.XOR:
            Operand.rd(hart, op, Operand.rs1(hart, op) ^ Operand.rs2(hart, op));
            op += OP_SIZE;
            continue;
          case Op.OR:
            Operand.rd(hart, op, Operand.rs1(hart, op) | Operand.rs2(hart, op));
            op += OP_SIZE;
            continue;
          case Op.AND:
            Operand.rd(hart, op, Operand.rs1(hart, op) & Operand.rs2(hart, op));
            op += OP_SIZE;
            continue;
          case Op.SLLI:
            Operand.rd(hart, op, Operand.rs1(hart, op) << Operand.imm(op));
            op += OP_SIZE;
            continue;
          case Op.SRLI:
            Operand.rd(hart, op, Operand.rs1(hart, op) >> Operand.imm(op));
            op += OP_SIZE;
            continue;
          case Op.SRAI:
            Operand.rd(hart, op, <i64>Operand.rs1(hart, op) >> <i64>Operand.imm(op));
            op += OP_SIZE;
            continue;
          case Op.SLL:
            Operand.rd(hart, op, Operand.rs1(hart, op) << Operand.rs2(hart, op));
            op += OP_SIZE;
            continue;
          case Op.SRL:
            Operand.rd(hart, op, Operand.rs1(hart, op) >> Operand.rs2(hart, op));
            op += OP_SIZE;
            continue;
          case Op.SRA:
            Operand.rd(hart, op, <i64>Operand.rs1(hart, op) >> <i64>Operand.rs2(hart, op));
            op += OP_SIZE;
            continue;
          case Op.ADDIW:
            Operand.rd(hart, op, <i64>(<i32>Operand.rs1(hart, op) + <i32>Operand.imm(op)));
            op += OP_SIZE;
            continue;
          case Op.ADDW:
            Operand.rd(hart, op, <i64>(<i32>Operand.rs1(hart, op) + <i32>Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.SUBW:
            Operand.rd(hart, op, <i64>(<i32>Operand.rs1(hart, op) - <i32>Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.SLLIW:
            Operand.rd(hart, op, <i64>(<i32>Operand.rs1(hart, op) << <i32>Operand.imm(op)));
            op += OP_SIZE;
            continue;
          case Op.SRLIW:
            Operand.rd(hart, op, <i64>(<i32>(<u32>Operand.rs1(hart, op) >> <u32>Operand.imm(op))));
            op += OP_SIZE;
            continue;
          case Op.SRAIW:
            Operand.rd(hart, op, <i64>(<i32>Operand.rs1(hart, op) >> <i32>Operand.imm(op)));
            op += OP_SIZE;
            continue;
          case Op.SLLW:
            Operand.rd(hart, op, <i64>(<i32>Operand.rs1(hart, op) << <i32>Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.SRLW:
            Operand.rd(hart, op, <i64>(<i32>(<u32>Operand.rs1(hart, op) >> <u32>Operand.rs2(hart, op))));
            op += OP_SIZE;
            continue;
          case Op.SRAW:
            Operand.rd(hart, op, <i64>(<i32>Operand.rs1(hart, op) >> <i32>Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.MUL:
            Operand.rd(hart, op, Operand.rs1(hart, op) * Operand.rs2(hart, op));
            op += OP_SIZE;
            continue;
          case Op.MULH:
            Operand.rd(hart, op, Wide.mulh(Operand.rs1(hart, op), Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.MULHSU:
            Operand.rd(hart, op, Wide.mulhsu(Operand.rs1(hart, op), Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.MULHU:
            Operand.rd(hart, op, Wide.mulhu(Operand.rs1(hart, op), Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.DIV:
            Operand.rd(hart, op, Wide.div(Operand.rs1(hart, op), Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.DIVU:
            Operand.rd(hart, op, Wide.divu(Operand.rs1(hart, op), Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.REM:
            Operand.rd(hart, op, Wide.rem(Operand.rs1(hart, op), Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.REMU:
            Operand.rd(hart, op, Wide.remu(Operand.rs1(hart, op), Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.MULW:
            Operand.rd(hart, op, <i64>(<i32>Operand.rs1(hart, op) * <i32>Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.DIVW:
            Operand.rd(hart, op, <i64>(Wide.divw(<i32>Operand.rs1(hart, op), <i32>Operand.rs2(hart, op))));
            op += OP_SIZE;
            continue;
          case Op.DIVUW:
            Operand.rd(hart, op, <i64>(Wide.divuw(<u32>Operand.rs1(hart, op), <u32>Operand.rs2(hart, op))));
            op += OP_SIZE;
            continue;
          case Op.REMW:
            Operand.rd(hart, op, <i64>(Wide.remw(<i32>Operand.rs1(hart, op), <i32>Operand.rs2(hart, op))));
            op += OP_SIZE;
            continue;
          case Op.REMUW:
            Operand.rd(hart, op, <i64>(Wide.remuw(<u32>Operand.rs1(hart, op), <u32>Operand.rs2(hart, op))));
            op += OP_SIZE;
            continue;
          case Op.ADD_UW:
            Operand.rd(hart, op, <u64>(<u32>Operand.rs1(hart, op)) + Operand.rs2(hart, op));
            op += OP_SIZE;
            continue;
          case Op.SH1ADD:
            Operand.rd(hart, op, (Operand.rs1(hart, op) << 1) + Operand.rs2(hart, op));
            op += OP_SIZE;
            continue;
          case Op.SH2ADD:
            Operand.rd(hart, op, (Operand.rs1(hart, op) << 2) + Operand.rs2(hart, op));
            op += OP_SIZE;
            continue;
          case Op.SH3ADD:
            Operand.rd(hart, op, (Operand.rs1(hart, op) << 3) + Operand.rs2(hart, op));
            op += OP_SIZE;
            continue;
          case Op.SH1ADD_UW:
            Operand.rd(hart, op, (<u64>(<u32>Operand.rs1(hart, op)) << 1) + Operand.rs2(hart, op));
            op += OP_SIZE;
            continue;
          case Op.SH2ADD_UW:
            Operand.rd(hart, op, (<u64>(<u32>Operand.rs1(hart, op)) << 2) + Operand.rs2(hart, op));
            op += OP_SIZE;
            continue;
          case Op.SH3ADD_UW:
            Operand.rd(hart, op, (<u64>(<u32>Operand.rs1(hart, op)) << 3) + Operand.rs2(hart, op));
            op += OP_SIZE;
            continue;
          case Op.SLLI_UW:
            Operand.rd(hart, op, <u64>(<u32>Operand.rs1(hart, op)) << Operand.imm(op));
            op += OP_SIZE;
            continue;
          case Op.ANDN:
            Operand.rd(hart, op, Operand.rs1(hart, op) & ~Operand.rs2(hart, op));
            op += OP_SIZE;
            continue;
          case Op.ORN:
            Operand.rd(hart, op, Operand.rs1(hart, op) | ~Operand.rs2(hart, op));
            op += OP_SIZE;
            continue;
          case Op.XNOR:
            Operand.rd(hart, op, ~(Operand.rs1(hart, op) ^ Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.CLZ:
            Operand.rd(hart, op, clz(Operand.rs1(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.CTZ:
            Operand.rd(hart, op, ctz(Operand.rs1(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.CPOP:
            Operand.rd(hart, op, popcnt(Operand.rs1(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.CLZW:
            Operand.rd(hart, op, <u64>clz(<u32>Operand.rs1(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.CTZW:
            Operand.rd(hart, op, <u64>ctz(<u32>Operand.rs1(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.CPOPW:
            Operand.rd(hart, op, <u64>popcnt(<u32>Operand.rs1(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.MIN:
            Operand.rd(hart, op, min(<i64>Operand.rs1(hart, op), <i64>Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.MINU:
            Operand.rd(hart, op, min(Operand.rs1(hart, op), Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.MAX:
            Operand.rd(hart, op, max(<i64>Operand.rs1(hart, op), <i64>Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.MAXU:
            Operand.rd(hart, op, max(Operand.rs1(hart, op), Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.SEXT_B:
            Operand.rd(hart, op, <i64>(<i8>Operand.rs1(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.SEXT_H:
            Operand.rd(hart, op, <i64>(<i16>Operand.rs1(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.ZEXT_H:
            Operand.rd(hart, op, Operand.rs1(hart, op) & 0xffff);
            op += OP_SIZE;
            continue;
          case Op.ROL:
            Operand.rd(hart, op, rotl(Operand.rs1(hart, op), Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.ROR:
            Operand.rd(hart, op, rotr(Operand.rs1(hart, op), Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.RORI:
            Operand.rd(hart, op, rotr(Operand.rs1(hart, op), Operand.imm(op)));
            op += OP_SIZE;
            continue;
          case Op.ROLW:
            Operand.rd(hart, op, <i64>(<i32>rotl(<u32>Operand.rs1(hart, op), <u32>Operand.rs2(hart, op))));
            op += OP_SIZE;
            continue;
          case Op.RORW:
            Operand.rd(hart, op, <i64>(<i32>rotr(<u32>Operand.rs1(hart, op), <u32>Operand.rs2(hart, op))));
            op += OP_SIZE;
            continue;
          case Op.RORIW:
            Operand.rd(hart, op, <i64>(<i32>rotr(<u32>Operand.rs1(hart, op), <u32>Operand.imm(op))));
            op += OP_SIZE;
            continue;
          case Op.ORC_B:
            Operand.rd(hart, op, Wide.orcb(Operand.rs1(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.REV8:
            Operand.rd(hart, op, Wide.rev8(Operand.rs1(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.CLMUL:
            Operand.rd(hart, op, Wide.clmul(Operand.rs1(hart, op), Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.CLMULR:
            Operand.rd(hart, op, Wide.clmulr(Operand.rs1(hart, op), Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.CLMULH:
            Operand.rd(hart, op, Wide.clmulh(Operand.rs1(hart, op), Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.BCLR:
            Operand.rd(hart, op, Operand.rs1(hart, op) & ~((<u64>1) << Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.BEXT:
            Operand.rd(hart, op, (Operand.rs1(hart, op) >> Operand.rs2(hart, op)) & 1);
            op += OP_SIZE;
            continue;
          case Op.BINV:
            Operand.rd(hart, op, Operand.rs1(hart, op) ^ ((<u64>1) << Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.BSET:
            Operand.rd(hart, op, Operand.rs1(hart, op) | ((<u64>1) << Operand.rs2(hart, op)));
            op += OP_SIZE;
            continue;
          case Op.BCLRI:
            Operand.rd(hart, op, Operand.rs1(hart, op) & ~((<u64>1) << Operand.imm(op)));
            op += OP_SIZE;
            continue;
          case Op.BEXTI:
            Operand.rd(hart, op, (Operand.rs1(hart, op) >> Operand.imm(op)) & 1);
            op += OP_SIZE;
            continue;
          case Op.BINVI:
            Operand.rd(hart, op, Operand.rs1(hart, op) ^ ((<u64>1) << Operand.imm(op)));
            op += OP_SIZE;
            continue;
          case Op.BSETI:
            Operand.rd(hart, op, Operand.rs1(hart, op) | ((<u64>1) << Operand.imm(op)));
            op += OP_SIZE;
            continue;
          case Op.CZERO_EQZ:
            Operand.rd(hart, op, Operand.rs2(hart, op) == 0 ? 0 : Operand.rs1(hart, op));
            op += OP_SIZE;
            continue;
          case Op.CZERO_NEZ:
            Operand.rd(hart, op, Operand.rs2(hart, op) != 0 ? 0 : Operand.rs1(hart, op));
            op += OP_SIZE;
            continue;
          case Op.BEQ:
            offset = Operand.rs1(hart, op) == Operand.rs2(hart, op) ? Operand.target(op) : CodeCache.nextOf(op);
            break;
          case Op.BNE:
            offset = Operand.rs1(hart, op) != Operand.rs2(hart, op) ? Operand.target(op) : CodeCache.nextOf(op);
            break;
          case Op.BLT:
            offset = <i64>Operand.rs1(hart, op) < <i64>Operand.rs2(hart, op) ? Operand.target(op) : CodeCache.nextOf(op);
            break;
          case Op.BGE:
            offset = <i64>Operand.rs1(hart, op) >= <i64>Operand.rs2(hart, op) ? Operand.target(op) : CodeCache.nextOf(op);
            break;
          case Op.BLTU:
            offset = Operand.rs1(hart, op) < Operand.rs2(hart, op) ? Operand.target(op) : CodeCache.nextOf(op);
            break;
          case Op.BGEU:
            offset = Operand.rs1(hart, op) >= Operand.rs2(hart, op) ? Operand.target(op) : CodeCache.nextOf(op);
            break;
          case Op.LB: {
            const va = Operand.address(hart, op);
            const entry = Tlb.loadEntry(context, va);
            if (Tlb.loadHits(entry, va, 1)) {
              Operand.rd(hart, op, <u64>(<i64>load<i8>(Tlb.loadAddress(entry, va))));
              op += OP_SIZE;
              continue;
            }
            leave = SlowAccess.load(hart, block, op, left, va);
            if (leave) break;
            op += OP_SIZE;
            continue;
          }
          case Op.LH: {
            const va = Operand.address(hart, op);
            const entry = Tlb.loadEntry(context, va);
            if (Tlb.loadHits(entry, va, 2)) {
              Operand.rd(hart, op, <u64>(<i64>load<i16>(Tlb.loadAddress(entry, va))));
              op += OP_SIZE;
              continue;
            }
            leave = SlowAccess.load(hart, block, op, left, va);
            if (leave) break;
            op += OP_SIZE;
            continue;
          }
          case Op.LW: {
            const va = Operand.address(hart, op);
            const entry = Tlb.loadEntry(context, va);
            if (Tlb.loadHits(entry, va, 4)) {
              Operand.rd(hart, op, <u64>(<i64>load<i32>(Tlb.loadAddress(entry, va))));
              op += OP_SIZE;
              continue;
            }
            leave = SlowAccess.load(hart, block, op, left, va);
            if (leave) break;
            op += OP_SIZE;
            continue;
          }
          case Op.LD: {
            const va = Operand.address(hart, op);
            const entry = Tlb.loadEntry(context, va);
            if (Tlb.loadHits(entry, va, 8)) {
              Operand.rd(hart, op, load<u64>(Tlb.loadAddress(entry, va)));
              op += OP_SIZE;
              continue;
            }
            leave = SlowAccess.load(hart, block, op, left, va);
            if (leave) break;
            op += OP_SIZE;
            continue;
          }
          case Op.LBU: {
            const va = Operand.address(hart, op);
            const entry = Tlb.loadEntry(context, va);
            if (Tlb.loadHits(entry, va, 1)) {
              Operand.rd(hart, op, load<u8>(Tlb.loadAddress(entry, va)));
              op += OP_SIZE;
              continue;
            }
            leave = SlowAccess.load(hart, block, op, left, va);
            if (leave) break;
            op += OP_SIZE;
            continue;
          }
          case Op.LHU: {
            const va = Operand.address(hart, op);
            const entry = Tlb.loadEntry(context, va);
            if (Tlb.loadHits(entry, va, 2)) {
              Operand.rd(hart, op, load<u16>(Tlb.loadAddress(entry, va)));
              op += OP_SIZE;
              continue;
            }
            leave = SlowAccess.load(hart, block, op, left, va);
            if (leave) break;
            op += OP_SIZE;
            continue;
          }
          case Op.LWU: {
            const va = Operand.address(hart, op);
            const entry = Tlb.loadEntry(context, va);
            if (Tlb.loadHits(entry, va, 4)) {
              Operand.rd(hart, op, load<u32>(Tlb.loadAddress(entry, va)));
              op += OP_SIZE;
              continue;
            }
            leave = SlowAccess.load(hart, block, op, left, va);
            if (leave) break;
            op += OP_SIZE;
            continue;
          }
          case Op.SB: {
            const va = Operand.address(hart, op);
            const entry = Tlb.loadEntry(context, va);
            if (Tlb.storeHits(entry, va, 1)) {
              store<u8>(Tlb.storeAddress(entry, va), <u8>Operand.rs2(hart, op));
              op += OP_SIZE;
              continue;
            }
            leave = SlowAccess.store(hart, block, op, left, va);
            if (leave) break;
            op += OP_SIZE;
            continue;
          }
          case Op.SH: {
            const va = Operand.address(hart, op);
            const entry = Tlb.loadEntry(context, va);
            if (Tlb.storeHits(entry, va, 2)) {
              store<u16>(Tlb.storeAddress(entry, va), <u16>Operand.rs2(hart, op));
              op += OP_SIZE;
              continue;
            }
            leave = SlowAccess.store(hart, block, op, left, va);
            if (leave) break;
            op += OP_SIZE;
            continue;
          }
          case Op.SW: {
            const va = Operand.address(hart, op);
            const entry = Tlb.loadEntry(context, va);
            if (Tlb.storeHits(entry, va, 4)) {
              store<u32>(Tlb.storeAddress(entry, va), <u32>Operand.rs2(hart, op));
              op += OP_SIZE;
              continue;
            }
            leave = SlowAccess.store(hart, block, op, left, va);
            if (leave) break;
            op += OP_SIZE;
            continue;
          }
          case Op.SD: {
            const va = Operand.address(hart, op);
            const entry = Tlb.loadEntry(context, va);
            if (Tlb.storeHits(entry, va, 8)) {
              store<u64>(Tlb.storeAddress(entry, va), Operand.rs2(hart, op));
              op += OP_SIZE;
              continue;
            }
            leave = SlowAccess.store(hart, block, op, left, va);
            if (leave) break;
            op += OP_SIZE;
            continue;
          }

          case Op.JAL:
            Operand.rd(hart, op, page + CodeCache.nextOf(op));
            offset = Operand.target(op);
            break;
          case Op.JALR: {
            const target = (Operand.rs1(hart, op) + Operand.imm(op)) & ~(<u64>1);
            Operand.rd(hart, op, page + CodeCache.nextOf(op));
            offset = <u32>(target & PAGE_OFFSET_MASK);
            if ((target & PAGE_MASK) != page) {
              page = target & PAGE_MASK;
              codePage = 0;
            }
            break;
          }
          case Op.FLW: {
            const va = Operand.address(hart, op);
            const entry = Tlb.loadEntry(context, va);
            if (Operand.fpuOn(hart) && Tlb.loadHits(entry, va, 4)) {
              Operand.fd(hart, op, F32.box(load<u32>(Tlb.loadAddress(entry, va))));
              op += OP_SIZE;
              continue;
            }
            leave = SlowOperation.execute(hart, code, block, op, left, page);
            if (leave) break;
            op += OP_SIZE;
            continue;
          }
          case Op.FLD: {
            const va = Operand.address(hart, op);
            const entry = Tlb.loadEntry(context, va);
            if (Operand.fpuOn(hart) && Tlb.loadHits(entry, va, 8)) {
              Operand.fd(hart, op, load<u64>(Tlb.loadAddress(entry, va)));
              op += OP_SIZE;
              continue;
            }
            leave = SlowOperation.execute(hart, code, block, op, left, page);
            if (leave) break;
            op += OP_SIZE;
            continue;
          }
          case Op.FSW: {
            const va = Operand.address(hart, op);
            const entry = Tlb.loadEntry(context, va);
            if (Operand.fpuOn(hart) && Tlb.storeHits(entry, va, 4)) {
              store<u32>(Tlb.storeAddress(entry, va), <u32>Reg.f(hart, load<u16>(op, 6)));
              op += OP_SIZE;
              continue;
            }
            leave = SlowOperation.execute(hart, code, block, op, left, page);
            if (leave) break;
            op += OP_SIZE;
            continue;
          }
          case Op.FSD: {
            const va = Operand.address(hart, op);
            const entry = Tlb.loadEntry(context, va);
            if (Operand.fpuOn(hart) && Tlb.storeHits(entry, va, 8)) {
              store<u64>(Tlb.storeAddress(entry, va), Reg.f(hart, load<u16>(op, 6)));
              op += OP_SIZE;
              continue;
            }
            leave = SlowOperation.execute(hart, code, block, op, left, page);
            if (leave) break;
            op += OP_SIZE;
            continue;
          }
          case Op.ILLEGAL:
            leave = SlowOperation.execute(hart, code, block, op, left, page);
            break;
          case PSEUDO_NEXT:
            offset = CodeCache.nextOf(op);
            break;
          case PSEUDO_CROSS:
            leave = SlowOperation.cross(hart, op, page);
            op += OP_SIZE;
            if (leave) break;
            continue;
          default:
            leave = SlowOperation.execute(hart, code, block, op, left, page);
            if (leave) break;
            op += OP_SIZE;
            continue;
        }
        break;
      }

      if (leave) {
        // Instructions of the block behind this one were paid for but not begun.
        left += CodeCache.count(block) - CodeCache.indexOf(block, op) - 1;
        if (leave & Leave.TRAP) Trap.exception(hart, page + CodeCache.offsetOf(op));
        else if (leave & Leave.NEXT) hart.pc = page + CodeCache.nextOf(op);
        if (leave & Leave.EVENT) break;
        leave = Leave.NONE;
        page = hart.pc & PAGE_MASK;
        offset = <u32>(hart.pc & PAGE_OFFSET_MASK);
        context = hart.dataContext;
        codePage = 0;
      }
    }
    hart.left = left;
  }
}
