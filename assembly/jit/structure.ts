// Control flow: from a region's dominator tree to wasm's blocks and loops (Ramsey, "Beyond Relooper", ICFP 2022).

import { BLOCK_HEADER, CodeCache, OP_SIZE, PSEUDO_NEXT } from "../hart/code-cache";
import { HART_SINK } from "../hart/hart";
import { Op } from "../isa/generated/op";
import { CsrAccess } from "./csr";
import { Emitter } from "./emitter";
import { Float } from "./float";
import { Local } from "./locals";
import { Lower } from "./lower";
import { Pointers } from "./pointers";
import { NONE, Region } from "./region";
import { Rotate } from "./rotate";
import { Wasm } from "./wasm";
import { Width } from "./width";

/** What each open wasm label means: a node that a branch to it reaches, or nothing (an `if`). */
const labels: usize = memory.data(4096);
const NOTHING: i32 = -2;

export class Structure {
  private static depth: i32 = 0;

  static emit(): void {
    Structure.depth = 0;
    Lower.exitDepth = 0;
    Structure.tree(0);
  }

  private static push(node: i32): void {
    store<i32>(labels + ((<usize>Structure.depth) << 2), node);
    Structure.depth++;
    Lower.exitDepth++;
  }

  private static pop(): void {
    Structure.depth--;
    Lower.exitDepth--;
    Emitter.op(Wasm.END);
  }

  private static open(code: Wasm, node: i32): void {
    Emitter.op(code);
    Emitter.op(Wasm.VOID);
    Structure.push(node);
  }

  /** Everything that `index` dominates. */
  private static tree(index: i32): void {
    if (!Region.node(index).isLoop) return Structure.within(index, Region.ordered - 1);
    Structure.open(Wasm.LOOP, index);
    Structure.within(index, Region.ordered - 1);
    Structure.pop();
  }

  /** Node `index` inside blocks that end at those of its children, up to position `last`, where paths meet: later ones outside. */
  private static within(index: i32, last: i32): void {
    for (let i = last; i > Region.node(index).order; i--) {
      const child = Region.at(i);
      const node = Region.node(child);
      if (node.dominator != index || node.forwardEdges < 2) continue;
      Structure.open(Wasm.BLOCK, child);
      Structure.within(index, i - 1);
      Structure.pop();
      Structure.tree(child);
      return;
    }
    Structure.body(index);
  }

  private static body(index: i32): void {
    const node = Region.node(index);
    const count = CodeCache.count(node.block);
    // Whoever goes on from here pays for all that may come before the next such look. The interpreter does the rest.
    if (node.isLoop || index == 0) {
      Emitter.get(Local.LEFT);
      Emitter.i32(node.reach);
      Emitter.op(Wasm.I32_LT_S);
      Emitter.ifUnlikely();
      Lower.stayAt(node.offset, 0, 1);
      Emitter.op(Wasm.END);
    }
    Structure.pay(count * node.copies);
    Float.checked = false;
    CsrAccess.checked = false;
    Pointers.enter(node);
    Rotate.enter();
    Width.survey(node.block, Region.terminator(node.block));
    Structure.copy(index, node.copies);
  }

  /** Takes `instructions` from the budget; less than none gives them back. */
  private static pay(instructions: i32): void {
    Emitter.get(Local.LEFT);
    Emitter.i32(abs(instructions));
    Emitter.op(instructions < 0 ? Wasm.I32_ADD : Wasm.I32_SUB);
    Emitter.set(Local.LEFT);
  }

  /** One copy of a block; `copies` of it are still to come, this one included, and paid for. */
  private static copy(index: i32, copies: i32): void {
    const block = Region.node(index).block;
    Lower.remaining = CodeCache.count(block) * copies;
    let op = block + BLOCK_HEADER;
    const terminator = Region.terminator(block);
    for (; op < terminator; op += OP_SIZE) {
      if (!Lower.instruction(op)) return Lower.leave(op, 0);
      Lower.remaining--;
    }
    Structure.end(index, op, copies);
  }

  private static end(index: i32, op: usize, copies: i32): void {
    const code = <i32>load<u16>(op);
    const node = Region.node(index);
    if (code == PSEUDO_NEXT) return Structure.go(index, node.next, CodeCache.nextOf(op));
    if (code == Op.JAL) {
      Structure.link(op);
      return Structure.go(index, node.taken, load<u32>(op, 8));
    }
    if (code == Op.JALR) {
      Lower.x(Lower.rs1(op));
      if (Lower.imm(op)) {
        Emitter.i64(Lower.imm(op));
        Emitter.op(Wasm.I64_ADD);
      }
      Emitter.i64(-2);
      Emitter.op(Wasm.I64_AND);
      Emitter.set(Local.PC);
      Structure.link(op);
      if (node.returns) Structure.returns(index);
      if (node.jumps && Region.targets) Structure.jump(index);
      return Emitter.br(Lower.exitDepth + 1);
    }
    if (code < Op.BEQ || code > Op.BGEU) return Lower.leave(op, 0);
    Lower.x(Lower.rs1(op));
    Lower.x(Lower.rs2(op));
    Emitter.op(Structure.comparison(code));
    Structure.open(Wasm.IF, NOTHING);
    Structure.branch(index, node.taken, load<u32>(op, 8), copies);
    Emitter.op(Wasm.ELSE);
    Structure.branch(index, node.next, CodeCache.nextOf(op), copies);
    Structure.pop();
  }

  /** Local.PC is where the return goes: perhaps behind a call in this region. */
  private static returns(index: i32): void {
    for (let i = 0; i < Region.sites; i++) {
      const site = Region.site(i);
      if (!Region.goesOn(index, site)) continue;
      const offset = Region.node(site).offset;
      Emitter.get(Local.PC);
      Emitter.get(Local.PAGE);
      Emitter.i64(offset);
      Emitter.op(Wasm.I64_ADD);
      Emitter.op(Wasm.I64_EQ);
      Structure.open(Wasm.IF, NOTHING);
      Structure.go(index, site, offset);
      Structure.pop();
    }
  }

  /** Local.PC is where the jump goes: perhaps to one of the region's targets. */
  private static jump(index: i32): void {
    const count = (Region.lastTarget - Region.firstTarget) / 2 + 1;
    Emitter.get(Local.PC);
    Emitter.get(Local.PAGE);
    Emitter.op(Wasm.I64_SUB);
    Emitter.i64(Region.firstTarget);
    Emitter.op(Wasm.I64_SUB);
    Emitter.tee(Local.VA);
    Emitter.i64(count * 2);
    Emitter.op(Wasm.I64_LT_U);
    Structure.open(Wasm.IF, NOTHING);
    Emitter.get(Local.VA);
    Emitter.op(Wasm.I32_WRAP_I64);
    Emitter.i32(1);
    Emitter.op(Wasm.I32_SHR_U);
    Emitter.op(Wasm.BR_TABLE);
    Emitter.u32(count);
    let next = 0;
    for (let i: u32 = 0; i < count; i++) {
      const target = Region.target(next);
      if (Region.node(target).offset == Region.firstTarget + i * 2) {
        next++;
        if (Region.goesOn(index, target)) {
          Emitter.u32(Structure.labelOf(target));
          continue;
        }
      }
      Emitter.u32(Lower.exitDepth + 1);
    }
    Emitter.u32(Lower.exitDepth + 1);
    Structure.pop();
  }

  private static comparison(code: i32): Wasm {
    switch (code) {
      case Op.BEQ:
        return Wasm.I64_EQ;
      case Op.BNE:
        return Wasm.I64_NE;
      case Op.BLT:
        return Wasm.I64_LT_S;
      case Op.BGE:
        return Wasm.I64_GE_S;
      case Op.BLTU:
        return Wasm.I64_LT_U;
    }
    return Wasm.I64_GE_U;
  }

  private static link(op: usize): void {
    if (Lower.rd(op) == HART_SINK) return;
    Emitter.get(Local.PAGE);
    Emitter.i64(CodeCache.nextOf(op));
    Emitter.op(Wasm.I64_ADD);
    Lower.setX(Lower.rd(op));
  }

  /** As `go`, from the copy behind which `copies - 1` are still to come. */
  private static branch(from: i32, to: i32, offset: u32, copies: i32): void {
    if (copies > 1) {
      if (to == from) return Structure.copy(from, copies - 1);
      Structure.pay(-CodeCache.count(Region.node(from).block) * (copies - 1));
    }
    Structure.go(from, to, offset);
  }

  /** Goes from node `from` to node `to`, or out of the region to `offset`. */
  private static go(from: i32, to: i32, offset: u32): void {
    if (to == NONE) return Lower.exitAt(offset, 0);
    if (!Region.isForward(from, to) || Region.node(to).forwardEdges > 1) Emitter.br(Structure.labelOf(to));
    else Structure.tree(to);
  }

  private static labelOf(node: i32): u32 {
    let i = Structure.depth - 1;
    while (load<i32>(labels + ((<usize>i) << 2)) != node) i--;
    return <u32>(Structure.depth - 1 - i);
  }
}
