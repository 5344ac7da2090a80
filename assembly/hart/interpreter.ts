// The interpreter: executes predecoded blocks until the slice is over or something wants to be looked at.
//
// A block runs from its first operation to its last without a check in between: its instructions are paid for on
// entry, and a block that would go beyond the end of the slice is cut to fit. Cases that need no more than registers
// and memory that the TLB knows are here; everything else is called, and says in `leave` how to go on.

import { F32 } from "../isa/fp/f32";
import { Op } from "../isa/generated/op";
import { Jit } from "../jit/jit";
import { HART_STRIDE, PAGE_MASK, PAGE_OFFSET_MASK, PAGE_SIZE } from "../layout";
import { Tlb } from "../mmu/tlb";
import { BLOCK_HEADER, CodeCache, OP_SIZE, PSEUDO_CROSS, PSEUDO_NEXT } from "./code-cache";
import { HART_SINK, Hart, Leave, Reg } from "./hart";
import { Memory } from "./memory";
import { Operand } from "./operand";
import { SlowAccess, SlowOperation } from "./slow-path";
import { Trap } from "./trap";

/** Where in a hart's part of memory blocks are cut. A block has at most 66 operations of 16 bytes. */
const SCRATCH: usize = HART_STRIDE / 2;

export class Interpreter {
  /** Runs `hart.left` instructions at most. Comes back early when `leave` has EVENT. `hart.pc` and `hart.left` are current then. */
  static run(hart: Hart): void {
    let left = hart.left;
    let page = hart.pc & PAGE_MASK;
    let offset = <u32>(hart.pc & PAGE_OFFSET_MASK);
    let codePage: usize = 0;
    let context = hart.dataContext;
    let leave: u32 = Leave.NONE;
    let stay: u32 = 0;
    const compiles = Jit.hot != 0;

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
          if (hart.fetchAlone && left > 1) break;
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
        if (compiles) {
          if (stay) {
            stay = 0;
          } else {
            const compiled = CodeCache.compiled(block);
            if (compiled) {
              left = call_indirect<i32>(compiled, hart, left, page);
              stay = hart.stay;
              context = hart.dataContext;
              offset = <u32>(hart.pc & PAGE_OFFSET_MASK);
              if ((hart.pc & PAGE_MASK) != page) {
                page = hart.pc & PAGE_MASK;
                codePage = 0;
              }
              continue;
            }
            CodeCache.enter(block);
            if (CodeCache.heat(block) == Jit.hot) Jit.queue(codePage, offset);
          }
        }
        left -= count;
      }

      let op = block + BLOCK_HEADER;
      while (true) {
        // Two a turn: V8 looks at its stack limit on every turn of a loop, at the price of half an operation.
        op = Interpreter.step(hart, context, op);
        const next = Interpreter.step(hart, context, op);
        if (next != op) {
          op = next;
          continue;
        }
        const code = <i32>load<u16>(op);
        switch (code) {
          case Op.AUIPC:
            Operand.rd(hart, op, page + CodeCache.offsetOf(op) + Operand.imm(op));
            op += OP_SIZE;
            continue;
          case Op.BEQ:
            offset = Operand.rs1(hart, op) == Operand.rs2(hart, op) ? Operand.target(op) : CodeCache.nextOf(op);
            break;
          case Op.BNE:
            offset = Operand.rs1(hart, op) != Operand.rs2(hart, op) ? Operand.target(op) : CodeCache.nextOf(op);
            break;
          case Op.BLT:
            offset =
              <i64>Operand.rs1(hart, op) < <i64>Operand.rs2(hart, op) ? Operand.target(op) : CodeCache.nextOf(op);
            break;
          case Op.BGE:
            offset =
              <i64>Operand.rs1(hart, op) >= <i64>Operand.rs2(hart, op) ? Operand.target(op) : CodeCache.nextOf(op);
            break;
          case Op.BLTU:
            offset = Operand.rs1(hart, op) < Operand.rs2(hart, op) ? Operand.target(op) : CodeCache.nextOf(op);
            break;
          case Op.BGEU:
            offset = Operand.rs1(hart, op) >= Operand.rs2(hart, op) ? Operand.target(op) : CodeCache.nextOf(op);
            break;
          case Op.LB:
          case Op.LH:
          case Op.LW:
          case Op.LD:
          case Op.LBU:
          case Op.LHU:
          case Op.LWU:
            leave = SlowAccess.load(hart, block, op, left, Operand.address(hart, op));
            if (leave) break;
            op += OP_SIZE;
            continue;
          case Op.SB:
          case Op.SH:
          case Op.SW:
          case Op.SD:
            leave = SlowAccess.store(hart, block, op, left, Operand.address(hart, op));
            if (leave) break;
            op += OP_SIZE;
            continue;
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
            } else if (load<u16>(op, 2) == HART_SINK) {
              const to = CodeCache.block(codePage, offset);
              if (to) CodeCache.jumpedTo(to);
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

  /**
   * Executes the operation at `op` when it needs nothing but registers and memory that the TLB knows. Answers the
   * operation behind it; `op` itself when it was not executed.
   */
  @inline private static step(hart: Hart, context: usize, op: usize): usize {
    switch (<i32>load<u16>(op)) {
      case Op.ADDI:
        Operand.rd(hart, op, Operand.rs1(hart, op) + Operand.imm(op));
        return op + OP_SIZE;
      case Op.ADD:
        Operand.rd(hart, op, Operand.rs1(hart, op) + Operand.rs2(hart, op));
        return op + OP_SIZE;
      case Op.SUB:
        Operand.rd(hart, op, Operand.rs1(hart, op) - Operand.rs2(hart, op));
        return op + OP_SIZE;
      case Op.LUI:
        Operand.rd(hart, op, Operand.imm(op));
        return op + OP_SIZE;
      case Op.SLTI:
        Operand.rd(hart, op, <i64>Operand.rs1(hart, op) < <i64>Operand.imm(op) ? 1 : 0);
        return op + OP_SIZE;
      case Op.SLTIU:
        Operand.rd(hart, op, Operand.rs1(hart, op) < Operand.imm(op) ? 1 : 0);
        return op + OP_SIZE;
      case Op.XORI:
        Operand.rd(hart, op, Operand.rs1(hart, op) ^ Operand.imm(op));
        return op + OP_SIZE;
      case Op.ORI:
        Operand.rd(hart, op, Operand.rs1(hart, op) | Operand.imm(op));
        return op + OP_SIZE;
      case Op.ANDI:
        Operand.rd(hart, op, Operand.rs1(hart, op) & Operand.imm(op));
        return op + OP_SIZE;
      case Op.SLT:
        Operand.rd(hart, op, <i64>Operand.rs1(hart, op) < <i64>Operand.rs2(hart, op) ? 1 : 0);
        return op + OP_SIZE;
      case Op.SLTU:
        Operand.rd(hart, op, Operand.rs1(hart, op) < Operand.rs2(hart, op) ? 1 : 0);
        return op + OP_SIZE;
      case Op.XOR:
        Operand.rd(hart, op, Operand.rs1(hart, op) ^ Operand.rs2(hart, op));
        return op + OP_SIZE;
      case Op.OR:
        Operand.rd(hart, op, Operand.rs1(hart, op) | Operand.rs2(hart, op));
        return op + OP_SIZE;
      case Op.AND:
        Operand.rd(hart, op, Operand.rs1(hart, op) & Operand.rs2(hart, op));
        return op + OP_SIZE;
      case Op.SLLI:
        Operand.rd(hart, op, Operand.rs1(hart, op) << Operand.imm(op));
        return op + OP_SIZE;
      case Op.SRLI:
        Operand.rd(hart, op, Operand.rs1(hart, op) >> Operand.imm(op));
        return op + OP_SIZE;
      case Op.SRAI:
        Operand.rd(hart, op, <i64>Operand.rs1(hart, op) >> <i64>Operand.imm(op));
        return op + OP_SIZE;
      case Op.SLL:
        Operand.rd(hart, op, Operand.rs1(hart, op) << Operand.rs2(hart, op));
        return op + OP_SIZE;
      case Op.SRL:
        Operand.rd(hart, op, Operand.rs1(hart, op) >> Operand.rs2(hart, op));
        return op + OP_SIZE;
      case Op.SRA:
        Operand.rd(hart, op, <i64>Operand.rs1(hart, op) >> <i64>Operand.rs2(hart, op));
        return op + OP_SIZE;
      case Op.ADDIW:
        Operand.rd(hart, op, <i64>(<i32>Operand.rs1(hart, op) + <i32>Operand.imm(op)));
        return op + OP_SIZE;
      case Op.ADDW:
        Operand.rd(hart, op, <i64>(<i32>Operand.rs1(hart, op) + <i32>Operand.rs2(hart, op)));
        return op + OP_SIZE;
      case Op.SUBW:
        Operand.rd(hart, op, <i64>(<i32>Operand.rs1(hart, op) - <i32>Operand.rs2(hart, op)));
        return op + OP_SIZE;
      case Op.SLLIW:
        Operand.rd(hart, op, <i64>((<i32>Operand.rs1(hart, op)) << (<i32>Operand.imm(op))));
        return op + OP_SIZE;
      case Op.SRLIW:
        Operand.rd(hart, op, <i64>(<i32>(<u32>Operand.rs1(hart, op) >> <u32>Operand.imm(op))));
        return op + OP_SIZE;
      case Op.SRAIW:
        Operand.rd(hart, op, <i64>(<i32>Operand.rs1(hart, op) >> <i32>Operand.imm(op)));
        return op + OP_SIZE;
      case Op.SLLW:
        Operand.rd(hart, op, <i64>((<i32>Operand.rs1(hart, op)) << (<i32>Operand.rs2(hart, op))));
        return op + OP_SIZE;
      case Op.SRLW:
        Operand.rd(hart, op, <i64>(<i32>(<u32>Operand.rs1(hart, op) >> <u32>Operand.rs2(hart, op))));
        return op + OP_SIZE;
      case Op.SRAW:
        Operand.rd(hart, op, <i64>(<i32>Operand.rs1(hart, op) >> <i32>Operand.rs2(hart, op)));
        return op + OP_SIZE;
      case Op.MUL:
        Operand.rd(hart, op, Operand.rs1(hart, op) * Operand.rs2(hart, op));
        return op + OP_SIZE;
      case Op.MULW:
        Operand.rd(hart, op, <i64>(<i32>Operand.rs1(hart, op) * <i32>Operand.rs2(hart, op)));
        return op + OP_SIZE;
      case Op.LB: {
        const va = Operand.address(hart, op);
        const entry = Tlb.loadEntry(context, va);
        if (Tlb.loadHits(entry, va, 1)) {
          Operand.rd(hart, op, <u64>(<i64>load<i8>(Tlb.loadAddress(entry, va))));
          return op + OP_SIZE;
        }
        return op;
      }
      case Op.LH: {
        const va = Operand.address(hart, op);
        const entry = Tlb.loadEntry(context, va);
        if (Tlb.loadHits(entry, va, 2)) {
          Operand.rd(hart, op, <u64>(<i64>load<i16>(Tlb.loadAddress(entry, va))));
          return op + OP_SIZE;
        }
        return op;
      }
      case Op.LW: {
        const va = Operand.address(hart, op);
        const entry = Tlb.loadEntry(context, va);
        if (Tlb.loadHits(entry, va, 4)) {
          Operand.rd(hart, op, <u64>(<i64>load<i32>(Tlb.loadAddress(entry, va))));
          return op + OP_SIZE;
        }
        return op;
      }
      case Op.LD: {
        const va = Operand.address(hart, op);
        const entry = Tlb.loadEntry(context, va);
        if (Tlb.loadHits(entry, va, 8)) {
          Operand.rd(hart, op, load<u64>(Tlb.loadAddress(entry, va)));
          return op + OP_SIZE;
        }
        return op;
      }
      case Op.LBU: {
        const va = Operand.address(hart, op);
        const entry = Tlb.loadEntry(context, va);
        if (Tlb.loadHits(entry, va, 1)) {
          Operand.rd(hart, op, load<u8>(Tlb.loadAddress(entry, va)));
          return op + OP_SIZE;
        }
        return op;
      }
      case Op.LHU: {
        const va = Operand.address(hart, op);
        const entry = Tlb.loadEntry(context, va);
        if (Tlb.loadHits(entry, va, 2)) {
          Operand.rd(hart, op, load<u16>(Tlb.loadAddress(entry, va)));
          return op + OP_SIZE;
        }
        return op;
      }
      case Op.LWU: {
        const va = Operand.address(hart, op);
        const entry = Tlb.loadEntry(context, va);
        if (Tlb.loadHits(entry, va, 4)) {
          Operand.rd(hart, op, load<u32>(Tlb.loadAddress(entry, va)));
          return op + OP_SIZE;
        }
        return op;
      }
      case Op.SB: {
        const va = Operand.address(hart, op);
        const entry = Tlb.loadEntry(context, va);
        if (Tlb.storeHits(entry, va, 1)) {
          store<u8>(Tlb.storeAddress(entry, va), <u8>Operand.rs2(hart, op));
          return op + OP_SIZE;
        }
        return op;
      }
      case Op.SH: {
        const va = Operand.address(hart, op);
        const entry = Tlb.loadEntry(context, va);
        if (Tlb.storeHits(entry, va, 2)) {
          store<u16>(Tlb.storeAddress(entry, va), <u16>Operand.rs2(hart, op));
          return op + OP_SIZE;
        }
        return op;
      }
      case Op.SW: {
        const va = Operand.address(hart, op);
        const entry = Tlb.loadEntry(context, va);
        if (Tlb.storeHits(entry, va, 4)) {
          store<u32>(Tlb.storeAddress(entry, va), <u32>Operand.rs2(hart, op));
          return op + OP_SIZE;
        }
        return op;
      }
      case Op.SD: {
        const va = Operand.address(hart, op);
        const entry = Tlb.loadEntry(context, va);
        if (Tlb.storeHits(entry, va, 8)) {
          store<u64>(Tlb.storeAddress(entry, va), Operand.rs2(hart, op));
          return op + OP_SIZE;
        }
        return op;
      }
    }
    return op;
  }
}
