// A region: the blocks of one page of code that are reachable from a hot one, as a control-flow graph with its
// dominator tree. Only edges within the page count; everything else leaves the region.

import { BLOCK_HEADER, CodeCache, OP_SIZE, PSEUDO_CROSS, PSEUDO_NEXT } from "../hart/code-cache";
import { Op } from "../isa/generated/op";
import { JIT_GRAPH, PAGE_SIZE } from "../layout";

/** Bounds the compile time of one region and the recursion over it. */
export const MAX_NODES: u32 = 48;
const MAX_INSTRUCTIONS: i32 = 600;
export const NONE: i32 = -1;

/** A block in the region. */
@unmanaged
export class Node {
  block: usize;
  /** Page offset of its first instruction. */
  offset: u32;
  /** Nodes that it goes on to, or NONE where that leaves the region. */
  taken: i32;
  next: i32;
  /** Position in reverse postorder, or NONE. */
  order: i32;
  /** Immediate dominator. */
  dominator: i32;
  /** Edges that come from before it in reverse postorder. */
  forwardEdges: i32;
  isLoop: bool;
}

const NODE_SIZE: usize = offsetof<Node>();
/** Nodes, then the reverse postorder as i32s. */
const ORDER: usize = JIT_GRAPH + <usize>MAX_NODES * NODE_SIZE;

export class Region {
  static count: i32 = 0;
  static ordered: i32 = 0;
  private static codePage: usize = 0;
  private static instructions: i32 = 0;

  @inline static node(index: i32): Node {
    return changetype<Node>(JIT_GRAPH + <usize>index * NODE_SIZE);
  }

  /** The node at position `i` of the reverse postorder. */
  @inline static at(i: i32): i32 {
    return load<i32>(ORDER + ((<usize>i) << 2));
  }

  /** Collects the region of the block at `offset`. */
  static discover(codePage: usize, offset: u32): void {
    Region.count = 0;
    Region.instructions = 0;
    Region.codePage = codePage;
    Region.visit(offset);
    for (let i = 0; i < Region.count; i++) Region.connect(Region.node(i));
    Region.sort();
    Region.dominators();
    Region.edges();
  }

  /** The last operation of a block. */
  static terminator(block: usize): usize {
    let op = block + BLOCK_HEADER + <usize>(CodeCache.count(block) - 1) * OP_SIZE;
    // Behind the last instruction there may be a Pseudo.NEXT.
    const code = <i32>load<u16>(op);
    return CodeCache.endsBlock(code) ? op : op + OP_SIZE;
  }

  /** The node for a block at this offset, made if it is decoded and there is room; NONE otherwise. */
  private static visit(offset: u32): i32 {
    if (offset >= PAGE_SIZE) return NONE;
    for (let i = 0; i < Region.count; i++) if (Region.node(i).offset == offset) return i;
    const block = CodeCache.block(Region.codePage, offset);
    if (block == 0 || <u32>Region.count == MAX_NODES) return NONE;
    if (<i32>load<u16>(block + BLOCK_HEADER) == PSEUDO_CROSS) return NONE;
    const count = CodeCache.count(block);
    if (Region.instructions + count > MAX_INSTRUCTIONS && Region.count > 0) return NONE;
    Region.instructions += count;
    const index = Region.count++;
    const node = Region.node(index);
    node.block = block;
    node.offset = offset;
    node.order = NONE;
    node.dominator = NONE;
    node.forwardEdges = 0;
    node.isLoop = false;
    return index;
  }

  private static connect(node: Node): void {
    node.taken = NONE;
    node.next = NONE;
    const op = Region.terminator(node.block);
    const code = <i32>load<u16>(op);
    if (code == Op.JAL) node.taken = Region.visit(load<u32>(op, 8));
    else if (code >= Op.BEQ && code <= Op.BGEU) {
      node.taken = Region.visit(load<u32>(op, 8));
      node.next = Region.visit(CodeCache.nextOf(op));
    } else if (code == PSEUDO_NEXT) node.next = Region.visit(CodeCache.nextOf(op));
  }

  private static sort(): void {
    Region.ordered = 0;
    Region.postorder(0);
    // Postorder to reverse postorder.
    for (let i = 0, j = Region.ordered - 1; i < j; i++, j--) {
      const a = Region.at(i);
      store<i32>(ORDER + ((<usize>i) << 2), Region.at(j));
      store<i32>(ORDER + ((<usize>j) << 2), a);
    }
    for (let i = 0; i < Region.ordered; i++) Region.node(Region.at(i)).order = i;
  }

  private static postorder(index: i32): void {
    const node = Region.node(index);
    node.order = -2;
    if (node.next != NONE && Region.node(node.next).order == NONE) Region.postorder(node.next);
    if (node.taken != NONE && Region.node(node.taken).order == NONE) Region.postorder(node.taken);
    store<i32>(ORDER + ((<usize>Region.ordered) << 2), index);
    Region.ordered++;
  }

  /** Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm". */
  private static dominators(): void {
    Region.node(0).dominator = 0;
    let changed = true;
    while (changed) {
      changed = false;
      for (let i = 1; i < Region.ordered; i++) {
        const index = Region.at(i);
        let best = NONE;
        for (let p = 0; p < Region.count; p++) {
          const from = Region.node(p);
          if ((from.taken != index && from.next != index) || from.dominator == NONE) continue;
          best = best == NONE ? p : Region.meet(best, p);
        }
        if (Region.node(index).dominator != best) {
          Region.node(index).dominator = best;
          changed = true;
        }
      }
    }
  }

  private static meet(a: i32, b: i32): i32 {
    while (a != b) {
      while (Region.node(a).order > Region.node(b).order) a = Region.node(a).dominator;
      while (Region.node(b).order > Region.node(a).order) b = Region.node(b).dominator;
    }
    return a;
  }

  private static dominates(a: i32, b: i32): bool {
    while (b != a && b != 0) b = Region.node(b).dominator;
    return a == b;
  }

  /** Counts forward edges, marks loops, and cuts edges back into the middle of something, which leave the region instead. */
  private static edges(): void {
    for (let i = 0; i < Region.count; i++) {
      const node = Region.node(i);
      node.taken = Region.edge(i, node.taken);
      node.next = Region.edge(i, node.next);
    }
  }

  private static edge(from: i32, to: i32): i32 {
    if (to == NONE) return NONE;
    const target = Region.node(to);
    if (target.order > Region.node(from).order) {
      target.forwardEdges++;
      return to;
    }
    if (!Region.dominates(to, from)) return NONE;
    target.isLoop = true;
    return to;
  }
}
