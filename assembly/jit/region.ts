// A region: the blocks of one page of code that are reachable from a hot one, as a control-flow graph with its
// dominator tree. Only edges within the page count; everything else leaves the region. A function that is called in the
// region is part of it, and its return has edges to what stands behind the calls (the *return sites*): where it goes is found by comparing.
// Another indirect jump (a `switch`) has edges to where such jumps were seen to go (the *targets*), by a table.

import { BLOCK_HEADER, CodeCache, OP_SIZE, PSEUDO_CROSS, PSEUDO_NEXT } from "../hart/code-cache";
import { Op } from "../isa/generated/op";
import { JIT_GRAPH, PAGE_SIZE } from "../layout";

/** Bounds the compile time of one region and the recursion over it. */
export const MAX_NODES: u32 = 48;
const MAX_INSTRUCTIONS: i32 = 600;
/** Of a block that goes back to itself: copies, and instructions in all of them. */
const MAX_COPIES: i32 = 4;
const MAX_UNROLLED: i32 = 16;
export const NONE: i32 = -1;
const VISITED: i32 = -2;

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
  /** Headers of the loops around it, a bit each, the innermost (or NONE), and how many. */
  loops: u64;
  loop: i32;
  depth: i32;
  /** Registers that its instructions make point anywhere, a bit each (Pointers). */
  wild: u32;
  /** How often it stands in the region: see unroll. */
  copies: i32;
  /** Instructions from here to the next loop header or the region's exit, at most. */
  reach: i32;
  /** It ends in a return, or in another indirect jump. */
  returns: bool;
  jumps: bool;
}

const NODE_SIZE: usize = offsetof<Node>();
/** Nodes, then the reverse postorder as i32s, then the nodes that are return sites. */
const ORDER: usize = JIT_GRAPH + <usize>MAX_NODES * NODE_SIZE;
const SITES: usize = ORDER + <usize>MAX_NODES * 4;
/** Bounds the comparisons behind a return. */
const MAX_SITES: i32 = 6;
const TARGETS: usize = SITES + <usize>MAX_SITES * 4;
const MAX_TARGETS: i32 = 24;
/** Bounds the table of an indirect jump: bytes between the first and the last target. */
const MAX_SPAN: u32 = 2048;
/** Register operands of ra and t0, which calls link to (unprivileged manual, "Jump and Link"). */
const RA: u32 = 1 << 3;
const T0: u32 = 5 << 3;

export class Region {
  static count: i32 = 0;
  static ordered: i32 = 0;
  static sites: i32 = 0;
  static targets: i32 = 0;
  /** Where the first and the last target lie in the page. */
  static firstTarget: u32 = 0;
  static lastTarget: u32 = 0;
  /** Blocks that were entered more rarely stay outside, but for the first one. */
  static warm: u32 = 0;
  private static codePage: usize = 0;
  private static instructions: i32 = 0;

  @inline static node(index: i32): Node {
    return changetype<Node>(JIT_GRAPH + <usize>index * NODE_SIZE);
  }

  /** The node at position `i` of the reverse postorder. */
  @inline static at(i: i32): i32 {
    return load<i32>(ORDER + ((<usize>i) << 2));
  }

  @inline static site(i: i32): i32 {
    return load<i32>(SITES + ((<usize>i) << 2));
  }

  @inline static target(i: i32): i32 {
    return load<i32>(TARGETS + ((<usize>i) << 2));
  }

  /** Nodes that one can go on to, at most. */
  @inline private static get successors(): i32 {
    return 2 + max(Region.sites, Region.targets);
  }

  /** The i-th node that `node` goes on to, or NONE; i below `Region.successors`. */
  private static successor(node: Node, i: i32): i32 {
    if (i == 0) return node.taken;
    if (i == 1) return node.next;
    if (node.returns && i - 2 < Region.sites) return Region.site(i - 2);
    return node.jumps && i - 2 < Region.targets ? Region.target(i - 2) : NONE;
  }

  /** Collects the region of the block at `offset`. */
  static discover(codePage: usize, offset: u32): void {
    Region.count = 0;
    Region.instructions = 0;
    Region.sites = 0;
    Region.targets = NONE;
    Region.codePage = codePage;
    Region.visit(offset);
    for (let i = 0; i < Region.count; i++) Region.connect(Region.node(i));
    Region.targets = max(Region.targets, 0);
    Region.sort();
    Region.dominators();
    Region.edges();
    Region.measure();
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
    if (Region.count > 0 && CodeCache.heat(block) < Region.warm) return NONE;
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
    node.loops = 0;
    node.loop = NONE;
    node.depth = 0;
    node.returns = false;
    node.jumps = false;
    node.copies = 1;
    return index;
  }

  private static connect(node: Node): void {
    node.taken = NONE;
    node.next = NONE;
    const op = Region.terminator(node.block);
    const code = <i32>load<u16>(op);
    if (code == Op.JAL) {
      node.taken = Region.visit(load<u32>(op, 8));
      if (node.taken != NONE && Region.isLink(load<u16>(op, 2))) Region.addSite(CodeCache.nextOf(op));
    } else if (code == Op.JALR) {
      const links = Region.isLink(load<u16>(op, 2));
      node.returns = Region.isLink(load<u16>(op, 4)) && load<i32>(op, 8) == 0 && !links;
      node.jumps = !node.returns && !links;
      if (node.jumps) Region.findTargets();
    } else if (code >= Op.BEQ && code <= Op.BGEU) {
      node.taken = Region.visit(load<u32>(op, 8));
      node.next = Region.visit(CodeCache.nextOf(op));
    } else if (code == PSEUDO_NEXT) node.next = Region.visit(CodeCache.nextOf(op));
  }

  @inline private static isLink(register: u32): bool {
    return register == RA || register == T0;
  }

  private static addSite(offset: u32): void {
    if (Region.sites == MAX_SITES) return;
    const site = Region.visit(offset);
    if (site == NONE) return;
    for (let i = 0; i < Region.sites; i++) if (Region.site(i) == site) return;
    store<i32>(SITES + ((<usize>Region.sites) << 2), site);
    Region.sites++;
  }

  /** Once a region: the page's blocks that indirect jumps went to. */
  private static findTargets(): void {
    if (Region.targets != NONE) return;
    Region.targets = 0;
    for (let offset: u32 = 0; offset < PAGE_SIZE && Region.targets < MAX_TARGETS; offset += 2) {
      const block = CodeCache.block(Region.codePage, offset);
      if (block == 0 || !CodeCache.isJumpTarget(block)) continue;
      if (Region.targets && offset - Region.firstTarget > MAX_SPAN) return;
      const target = Region.visit(offset);
      if (target == NONE) continue;
      if (Region.targets == 0) Region.firstTarget = offset;
      Region.lastTarget = offset;
      store<i32>(TARGETS + ((<usize>Region.targets) << 2), target);
      Region.targets++;
    }
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
    node.order = VISITED;
    for (let i = Region.successors - 1; i >= 0; i--) {
      const to = Region.successor(node, i);
      if (to != NONE && Region.node(to).order == NONE) Region.postorder(to);
    }
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
          if (from.dominator == NONE || !Region.goes(from, index)) continue;
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

  private static goes(from: Node, to: i32): bool {
    for (let i = Region.successors - 1; i >= 0; i--) if (Region.successor(from, i) == to) return true;
    return false;
  }

  /** Counts forward edges, marks loops, and cuts edges back into the middle of something, which leave the region instead. */
  private static edges(): void {
    for (let i = 0; i < Region.ordered; i++) {
      const index = Region.at(i);
      const node = Region.node(index);
      if (node.taken != NONE && !Region.admits(index, node.taken)) node.taken = NONE;
      if (node.next != NONE && !Region.admits(index, node.next)) node.next = NONE;
      Region.unroll(index);
      if (node.returns) for (let k = 0; k < Region.sites; k++) Region.admits(index, Region.site(k));
      if (!node.jumps) continue;
      for (let k = 0; k < Region.targets; k++) {
        // The table needs labels: each counts as where several ways meet.
        if (Region.admits(index, Region.target(k))) Region.node(Region.target(k)).forwardEdges++;
      }
    }
  }

  /**
   * A block that goes back to itself stands in the region several times over, so that what each turn of a wasm loop costs
   * (looking at the budget, and V8 at its stack limit) is paid once for all of them. The ways out of its copies meet.
   */
  private static unroll(index: i32): void {
    const node = Region.node(index);
    const count = CodeCache.count(node.block);
    const code = <i32>load<u16>(Region.terminator(node.block));
    if (code < Op.BEQ || code > Op.BGEU || (node.taken == index) == (node.next == index)) return;
    if (count > MAX_UNROLLED / 2) return;
    node.copies = min(MAX_COPIES, MAX_UNROLLED / count);
    const out = node.taken == index ? node.next : node.taken;
    if (out != NONE && Region.isForward(index, out)) Region.node(out).forwardEdges += node.copies - 1;
  }

  private static measure(): void {
    for (let i = Region.ordered - 1; i >= 0; i--) {
      const index = Region.at(i);
      const node = Region.node(index);
      let behind = 0;
      for (let k = Region.successors - 1; k >= 0; k--) {
        const to = Region.successor(node, k);
        if (to == NONE) continue;
        const target = Region.node(to);
        if (Region.isForward(index, to)) {
          if (!target.isLoop) behind = max(behind, target.reach);
        } else if (Region.dominates(to, index)) {
          Region.loop(to, i);
        }
      }
      node.reach = CodeCache.count(node.block) * node.copies + behind;
    }
  }

  /** Notes a loop: what its header dominates between it and the way back to it, the node at position `last`. */
  private static loop(header: i32, last: i32): void {
    for (let i = Region.node(header).order; i <= last; i++) {
      const node = Region.node(Region.at(i));
      const bit = (<u64>1) << (<u64>header);
      if (node.loops & bit || !Region.dominates(header, Region.at(i))) continue;
      node.loops |= bit;
      node.depth++;
      if (node.loop == NONE || Region.node(node.loop).order < Region.node(header).order) node.loop = header;
    }
  }

  private static admits(from: i32, to: i32): bool {
    const target = Region.node(to);
    if (Region.isForward(from, to)) {
      target.forwardEdges++;
      return true;
    }
    if (!Region.dominates(to, from)) return false;
    target.isLoop = true;
    return true;
  }

  @inline static isForward(from: i32, to: i32): bool {
    return Region.node(to).order > Region.node(from).order;
  }

  /** Whether a return or another indirect jump in node `from` can go on at node `to` within the region. */
  static goesOn(from: i32, to: i32): bool {
    return Region.isForward(from, to) || Region.dominates(to, from);
  }
}
