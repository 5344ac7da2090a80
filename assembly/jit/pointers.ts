// Registers through which memory is accessed again and again: stack pointers, array cursors, the structure at hand. The
// page that such a register last pointed into stays known in two locals, its tag and addend. That spares the next
// access the way by the TLB: the tag compares with a register instead of memory, and the address does not wait for an
// addend to be loaded. What is known this way holds until the region is left: nothing in a region takes a translation away.
//
// Kept across blocks (by weight, MAX_KEPT of them): registers that only step (addi) or are set from others (mv, la) in
// the loop around the access. Registers that are loaded or computed there go anywhere: for them, only what a block does with the same value is shared.

import { BLOCK_HEADER, CodeCache, OP_SIZE } from "../hart/code-cache";
import { HART_SINK } from "../hart/hart";
import { Op } from "../isa/generated/op";
import { Access } from "../mmu/access";
import { NONE, Node, Region } from "./region";

/** Each takes two machine registers. */
const MAX_KEPT: u32 = 4;
/** Values of a block that are remembered at a time. */
const MAX_SHARED: u32 = 3;
export const MAX_POINTERS: u32 = MAX_KEPT + MAX_SHARED;
/** A longer step leaves its page too soon. */
const MAX_STEP: i32 = 512;
/** What is kept needs more than one access. */
const WORTHWHILE: u32 = 2;
const NOBODY: u32 = 0xff;

/** u32[2][32]: weight of the loads, and of the stores, through each register. */
const weights: usize = memory.data(256, 4);
/** u8[2][32]: 1 + the number of the pointer kept for a register's loads, or stores. */
const kept: usize = memory.data(64);
/** u8[MAX_SHARED]: whose loads or stores (as above) pointer MAX_KEPT + i is for, in the block at hand. */
const shared: usize = memory.data(4);

export class Pointers {
  /** Pointers that are kept. */
  static count: u32 = 0;
  /** A pointer that `find` answered knows nothing yet. */
  static fresh: bool = false;
  private static nextShared: u32 = 0;
  /** Registers that go anywhere in the innermost loop around the block at hand, a bit each. */
  private static wild: u32 = 0;

  /** Begins a block. */
  static enter(node: Node): void {
    Pointers.wild = Pointers.wildAround(node);
    memory.fill(shared, <u8>NOBODY, MAX_SHARED);
  }

  /** Whether the page of this register's loads, or stores, is kept across blocks. */
  static isKept(offset: u32, access: Access): bool {
    return load<u8>(kept + Pointers.index(offset, access)) != 0 && !((Pointers.wild >> (offset >> 3)) & 1);
  }

  /** The pointer for accesses through the register at byte offset `offset` of its file. */
  static find(offset: u32, access: Access): u32 {
    const who = Pointers.index(offset, access);
    Pointers.fresh = false;
    const number = <u32>load<u8>(kept + who);
    if (number && !((Pointers.wild >> (offset >> 3)) & 1)) return number - 1;
    for (let i: u32 = 0; i < MAX_SHARED; i++) if (load<u8>(shared + i) == who) return MAX_KEPT + i;
    Pointers.fresh = true;
    const next = Pointers.nextShared;
    Pointers.nextShared = (next + 1) % MAX_SHARED;
    store<u8>(shared + next, <u8>who);
    return MAX_KEPT + next;
  }

  /** The register at `offset` has another value from here on. */
  static redefine(offset: u32): void {
    for (let i: u32 = 0; i < MAX_SHARED; i++) {
      const who = <u32>load<u8>(shared + i);
      if (who != NOBODY && (who & 31) == offset >> 3) store<u8>(shared + i, <u8>NOBODY);
    }
  }

  /** Chooses what to keep in the region that was discovered; without `loads` only what it stores through. */
  static choose(loads: bool): void {
    Pointers.count = 0;
    memory.fill(weights, 0, 256);
    memory.fill(kept, 0, 64);
    for (let i = 0; i < Region.ordered; i++) {
      const node = Region.node(Region.at(i));
      node.wild = Pointers.wildIn(node);
    }
    for (let i = 0; i < Region.ordered; i++) Pointers.weigh(Region.node(Region.at(i)), loads);
    while (Pointers.count < MAX_KEPT) {
      let best: u32 = NOBODY;
      let bestWeight: u32 = WORTHWHILE - 1;
      for (let i: u32 = 0; i < 64; i++) {
        const weight = load<u32>(weights + ((<usize>i) << 2));
        if (weight <= bestWeight) continue;
        best = i;
        bestWeight = weight;
      }
      if (best == NOBODY) return;
      store<u32>(weights + ((<usize>best) << 2), 0);
      store<u8>(kept + best, <u8>++Pointers.count);
    }
  }

  /** Registers that go anywhere in the innermost loop around `node`; in the whole region when there is none. */
  private static wildAround(node: Node): u32 {
    let wild: u32 = 1;
    for (let i = 0; i < Region.ordered; i++) {
      const other = Region.node(Region.at(i));
      if (node.loop == NONE || (other.loops >> <u64>node.loop) & 1) wild |= other.wild;
    }
    return wild;
  }

  private static wildIn(node: Node): u32 {
    let wild: u32 = 0;
    let op = node.block + BLOCK_HEADER;
    const end = op + <usize>CodeCache.count(node.block) * OP_SIZE;
    for (; op < end; op += OP_SIZE) {
      const code = <i32>load<u16>(op);
      const rd = <u32>load<u16>(op, 2);
      if (rd < HART_SINK && !Pointers.isStore(code) && !Pointers.steps(op, code)) wild |= 1 << (rd >> 3);
    }
    return wild;
  }

  private static weigh(node: Node, loads: bool): void {
    const weight: u32 = 1 << (3 * min(node.depth, 4));
    const wild = Pointers.wildAround(node);
    let op = node.block + BLOCK_HEADER;
    const end = op + <usize>CodeCache.count(node.block) * OP_SIZE;
    for (; op < end; op += OP_SIZE) {
      const code = <i32>load<u16>(op);
      const base = <u32>load<u16>(op, 4);
      if ((wild >> (base >> 3)) & 1) continue;
      if (loads && Pointers.isLoad(code)) Pointers.add(base, Access.LOAD, weight);
      else if (Pointers.isStore(code)) Pointers.add(base, Access.STORE, weight);
    }
  }

  @inline private static isLoad(code: i32): bool {
    return (code >= Op.LB && code <= Op.LWU) || code == Op.FLW || code == Op.FLD;
  }

  @inline private static isStore(code: i32): bool {
    return (code >= Op.SB && code <= Op.SD) || code == Op.FSW || code == Op.FSD;
  }

  private static steps(op: usize, code: i32): bool {
    if (code == Op.LUI || code == Op.AUIPC) return true;
    if (code != Op.ADDI) return false;
    const step = load<i32>(op, 8);
    return load<u16>(op, 2) != load<u16>(op, 4) || (step >= -MAX_STEP && step <= MAX_STEP);
  }

  private static add(base: u32, access: Access, weight: u32): void {
    const slot = weights + ((<usize>Pointers.index(base, access)) << 2);
    store<u32>(slot, load<u32>(slot) + weight);
  }

  @inline private static index(offset: u32, access: Access): u32 {
    return (offset >> 3) + (access == Access.STORE ? 32 : 0);
  }
}
