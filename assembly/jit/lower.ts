// One guest instruction as wasm. What has no lowering leaves the region before it: the interpreter executes it.

import { Alu } from "../hart/alu";
import { CodeCache } from "../hart/code-cache";
import { HART_SINK } from "../hart/hart";
import { Op } from "../isa/generated/op";
import { PAGE_MASK, PAGE_OFFSET_MASK, PAGE_SHIFT, RAM_BASE, RAM_OFFSET, WRITABLE_MAP } from "../layout";
import { Access } from "../mmu/access";
import { STORE_TABLE } from "../mmu/tlb";
import { Atomics } from "./atomic";
import { CsrAccess } from "./csr";
import { Emitter } from "./emitter";
import { Float } from "./float";
import { Integer } from "./integer";
import { Local, Locals } from "./locals";
import { Pointers } from "./pointers";
import { Rotate } from "./rotate";
import { Wasm } from "./wasm";

/** Functions of the core that regions call: where they are in the table that each module imports (Module.imports). */
export const enum Helper {
  FIND = 0,
  ALU = 1,
  FPU = 2,
  ENTER = 3,
  SELECT = 4,
  COUNT = 5,
}

/** Local.STAY: not 0 when the interpreter has to go on; then also the instructions it has back, and the offset in the page. */
const STAY: i32 = 1 << 24;
const UNUSED_SHIFT: i32 = 12;
const UNUSED_MASK: i32 = 0xfff;

export class Lower {
  /** Label depth of the exit to the interpreter from where code is being written; one more is the exit to anywhere. */
  static exitDepth: u32 = 0;
  /** The hart sees RAM through Hart.window: most accesses need no TLB. */
  static windowed: bool = false;
  /** What is to be added to the address that `address` left. */
  private static offset: u32 = 0;
  /** Instructions of the block behind the one being lowered, this one included: what an exit before it gives back. */
  static remaining: i32 = 0;

  static x(offset: u32): void {
    if (offset == 0) Emitter.i64(0);
    else Emitter.get(Locals.of(offset, false));
  }

  static setX(offset: u32): void {
    if (offset == HART_SINK) Emitter.op(Wasm.DROP);
    else {
      Emitter.set(Locals.write(offset, false));
      Pointers.redefine(offset);
      Rotate.write(offset);
    }
  }

  static f(offset: u32): void {
    Emitter.get(Locals.of(offset, true));
  }

  static setF(offset: u32): void {
    Emitter.set(Locals.write(offset, true));
  }

  @inline static rd(op: usize): u32 {
    return load<u16>(op, 2);
  }
  @inline static rs1(op: usize): u32 {
    return load<u16>(op, 4);
  }
  @inline static rs2(op: usize): u32 {
    return load<u16>(op, 6);
  }
  @inline static imm(op: usize): i64 {
    return <i64>load<i32>(op, 8);
  }

  /** Lowers the operation at `op`; false when the interpreter has to execute it. */
  static instruction(op: usize): bool {
    const code = <i32>load<u16>(op);
    Rotate.begin(op);
    if (code >= Op.LB && code <= Op.LWU) Lower.load(op, code);
    else if (code >= Op.SB && code <= Op.SD) Lower.store(op, code);
    else if (code == Op.FENCE) return true;
    else if (code >= Op.LR_W && code <= Op.AMOMAXU_D) Atomics.instruction(op, code);
    else if (code >= Op.FLW && code <= Op.FCVT_D_S) Float.instruction(op, code);
    else if (code >= Op.CSRRW && code <= Op.CSRRCI) return CsrAccess.instruction(op, code);
    else if (code < Op.JAL || code == Op.MUL || code == Op.MULW || Alu.has(code)) {
      if (Lower.rd(op) == HART_SINK) return true;
      Integer.compute(op, code);
      Lower.setX(Lower.rd(op));
    } else return false;
    return true;
  }

  /**
   * Leaves on the stack where [rs1 + imm, + size) is, for `access` to load or store there; leaves the region where the TLB
   * cannot have it.
   */
  static address(op: usize, size: i64, access: Access): void {
    if (Lower.windowed && !Pointers.isKept(Lower.rs1(op), access)) return Lower.seen(op, size, access);
    Lower.offset = 0;
    Lower.x(Lower.rs1(op));
    if (Lower.imm(op)) {
      Emitter.i64(Lower.imm(op));
      Emitter.op(Wasm.I64_ADD);
    }
    Emitter.set(Local.VA);
    const pointer = Pointers.find(Lower.rs1(op), access);
    if (Pointers.fresh) {
      Lower.translate(op, size, access, 0);
      Lower.know(pointer, size, access);
    } else {
      Lower.page(size);
      Emitter.get(Local.TAG + pointer);
      Emitter.op(Wasm.I64_NE);
      Emitter.ifUnlikely();
      Lower.find(op, size, access, 1);
      Lower.know(pointer, size, access);
      Emitter.op(Wasm.END);
    }
    Emitter.get(Local.VA);
    Emitter.op(Wasm.I32_WRAP_I64);
    Emitter.get(Local.ADDEND + pointer);
    Emitter.op(Wasm.I32_ADD);
  }

  /** Loads from or stores to what `address` left. */
  static access(wasm: Wasm): void {
    Emitter.memory(wasm, Lower.offset);
  }

  /** Makes what `address` left a linear address. */
  static addOffset(): void {
    if (Lower.offset == 0) return;
    Emitter.i32(Lower.offset);
    Emitter.op(Wasm.I32_ADD);
  }

  /** The same through Hart.window. Local.VA counts from RAM_BASE. */
  private static seen(op: usize, size: i64, access: Access): void {
    Lower.offset = <u32>RAM_OFFSET;
    Lower.x(Lower.rs1(op));
    Emitter.i64(Lower.imm(op) - <i64>RAM_BASE);
    Emitter.op(Wasm.I64_ADD);
    Emitter.set(Local.VA);
    Emitter.op(Wasm.BLOCK);
    Emitter.op(Wasm.VOID);
    Emitter.op(Wasm.BLOCK);
    Emitter.op(Wasm.VOID);
    Emitter.get(Local.VA);
    Emitter.get(Locals.window());
    Emitter.op(Wasm.I64_GE_U);
    Emitter.brIfUnlikely(0);
    if (access == Access.STORE) {
      Emitter.get(Local.VA);
      Emitter.op(Wasm.I32_WRAP_I64);
      Emitter.i32(PAGE_SHIFT);
      Emitter.op(Wasm.I32_SHR_U);
      Emitter.memory(Wasm.I32_LOAD8_U, <u32>WRITABLE_MAP);
      Lower.isUnfit(size);
      Emitter.brIfUnlikely(0);
    }
    Emitter.br(1);
    Emitter.op(Wasm.END);
    Emitter.get(Local.VA);
    Emitter.i64(RAM_BASE);
    Emitter.op(Wasm.I64_ADD);
    Emitter.set(Local.VA);
    Lower.find(op, size, access, 1);
    Emitter.get(Local.VA);
    Emitter.get(Local.ENTRY);
    Emitter.memory(Wasm.I64_LOAD32_U, (access == Access.STORE ? <u32>STORE_TABLE : 0) + 8);
    Emitter.op(Wasm.I64_ADD);
    Emitter.i64(RAM_OFFSET);
    Emitter.op(Wasm.I64_SUB);
    Emitter.set(Local.VA);
    Emitter.op(Wasm.END);
    Emitter.get(Local.VA);
    Emitter.op(Wasm.I32_WRAP_I64);
  }

  /**
   * Whether a store to Local.VA has to go by the TLB, given its page's byte of WRITABLE_MAP: where that is 0, or, lest the store reaches
   * into a page of another kind, where it is not aligned. The byte is 0 or 1, so that one comparison finds both.
   */
  private static isUnfit(size: i64): void {
    if (size == 1) return Emitter.op(Wasm.I32_EQZ);
    Emitter.get(Local.VA);
    Emitter.op(Wasm.I32_WRAP_I64);
    Emitter.i32(<i32>size - 1);
    Emitter.op(Wasm.I32_AND);
    Emitter.op(Wasm.I32_LE_U);
  }

  /** Sees to it that Local.ENTRY is the TLB entry of [Local.VA, + size); leaves the region where there can be none. */
  private static translate(op: usize, size: i64, access: Access, depth: u32): void {
    Emitter.get(Local.VA);
    Emitter.i64(8);
    Emitter.op(Wasm.I64_SHR_U);
    Emitter.op(Wasm.I32_WRAP_I64);
    Emitter.i32(0x3ff0);
    Emitter.op(Wasm.I32_AND);
    Emitter.get(Local.CONTEXT);
    Emitter.op(Wasm.I32_ADD);
    Emitter.tee(Local.ENTRY);
    Emitter.memory(Wasm.I64_LOAD, access == Access.STORE ? <u32>STORE_TABLE : 0);
    Lower.page(size);
    Emitter.op(Wasm.I64_NE);
    Emitter.ifUnlikely();
    Lower.find(op, size, access, depth + 1);
    Emitter.op(Wasm.END);
  }

  /** The same by a call, where that is rare: a lookup takes room, in V8's machine code more than in wasm. */
  private static find(op: usize, size: i64, access: Access, depth: u32): void {
    Emitter.get(Local.HART);
    Emitter.get(Local.VA);
    Emitter.i32(<i32>size);
    Emitter.i32(access);
    Emitter.call(Helper.FIND);
    Emitter.tee(Local.ENTRY);
    Emitter.op(Wasm.I32_EQZ);
    Lower.leaveIf(op, depth);
  }

  /** The page that the last byte of [Local.VA, + size) lies in: what the tag of its entry has to be. */
  private static page(size: i64): void {
    Emitter.get(Local.VA);
    if (size > 1) {
      Emitter.i64(size - 1);
      Emitter.op(Wasm.I64_ADD);
    }
    Emitter.i64(PAGE_MASK);
    Emitter.op(Wasm.I64_AND);
  }

  /** Has `pointer` know the page of the access that was translated. */
  private static know(pointer: u32, size: i64, access: Access): void {
    Lower.page(size);
    Emitter.set(Local.TAG + pointer);
    Emitter.get(Local.ENTRY);
    Emitter.memory(Wasm.I32_LOAD, (access == Access.STORE ? <u32>STORE_TABLE : 0) + 8);
    Emitter.set(Local.ADDEND + pointer);
  }

  /** Where the condition on the stack holds, leaves the region before the instruction at `op`, which the interpreter executes. */
  static leaveIf(op: usize, depth: u32): void {
    Emitter.ifUnlikely();
    Lower.leave(op, depth + 1);
    Emitter.op(Wasm.END);
  }

  static leave(op: usize, depth: u32): void {
    Lower.stayAt(CodeCache.offsetOf(op), Lower.remaining, depth);
  }

  /** Leaves the region for the interpreter, which goes on at `offset` of this page and has `unused` instructions back. */
  static stayAt(offset: u32, unused: i32, depth: u32): void {
    Emitter.i32(STAY | (unused << UNUSED_SHIFT) | offset);
    Emitter.set(Local.STAY);
    Emitter.br(Lower.exitDepth + depth);
  }

  /** What all `stayAt` share, behind the label that they go to. */
  static stay(): void {
    Emitter.get(Local.LEFT);
    Emitter.get(Local.STAY);
    Emitter.i32(UNUSED_SHIFT);
    Emitter.op(Wasm.I32_SHR_U);
    Emitter.i32(UNUSED_MASK);
    Emitter.op(Wasm.I32_AND);
    Emitter.op(Wasm.I32_ADD);
    Emitter.set(Local.LEFT);
    Emitter.get(Local.PAGE);
    Emitter.get(Local.STAY);
    Emitter.i32(<i32>PAGE_OFFSET_MASK);
    Emitter.op(Wasm.I32_AND);
    Emitter.op(Wasm.I64_EXTEND_I32_U);
    Emitter.op(Wasm.I64_ADD);
    Emitter.set(Local.PC);
  }

  /** Leaves the region for the instruction at `offset` from the page. */
  static exitAt(offset: u32, depth: u32): void {
    Emitter.get(Local.PAGE);
    Emitter.i64(<i64>(<i32>offset));
    Emitter.op(Wasm.I64_ADD);
    Emitter.set(Local.PC);
    Emitter.br(Lower.exitDepth + 1 + depth);
  }

  private static load(op: usize, code: i32): void {
    let size: i64 = 8;
    let wasm = Wasm.I64_LOAD;
    switch (code) {
      case Op.LB:
        size = 1;
        wasm = Wasm.I64_LOAD8_S;
        break;
      case Op.LH:
        size = 2;
        wasm = Wasm.I64_LOAD16_S;
        break;
      case Op.LW:
        size = 4;
        wasm = Wasm.I64_LOAD32_S;
        break;
      case Op.LBU:
        size = 1;
        wasm = Wasm.I64_LOAD8_U;
        break;
      case Op.LHU:
        size = 2;
        wasm = Wasm.I64_LOAD16_U;
        break;
      case Op.LWU:
        size = 4;
        wasm = Wasm.I64_LOAD32_U;
        break;
    }
    Lower.address(op, size, Access.LOAD);
    Lower.access(wasm);
    Lower.setX(Lower.rd(op));
  }

  private static store(op: usize, code: i32): void {
    const size: i64 = code == Op.SB ? 1 : code == Op.SH ? 2 : code == Op.SW ? 4 : 8;
    Lower.address(op, size, Access.STORE);
    Lower.x(Lower.rs2(op));
    Lower.access(
      code == Op.SB
        ? Wasm.I64_STORE8
        : code == Op.SH
          ? Wasm.I64_STORE16
          : code == Op.SW
            ? Wasm.I64_STORE32
            : Wasm.I64_STORE,
    );
  }
}
