// What the next list of a packed ring means, written down a second time and as plainly as possible: an oracle for the
// queue code. It reads the guest's memory like any device and knows nothing of records.

import { VirtqDesc, VirtqError } from "../../assembly/shared/virtq.js";
import type { Segment } from "./queue-bench.js";

export interface PackedModelQueue {
  readonly ram: DataView;
  readonly base: bigint;
  readonly descGpa: bigint;
  readonly size: number;
  readonly indirect: boolean;
}

export type PackedModelResult =
  | { readonly error: VirtqError }
  | {
      readonly error: undefined;
      readonly id: number;
      readonly slots: number;
      readonly readable: Segment[];
      readonly writable: Segment[];
    };

interface Element {
  readonly addr: bigint;
  readonly len: bigint;
  readonly id: number;
  readonly flags: number;
}

/** The list that begins at `first`, if that is available in lap `lap`; undefined if it is not. */
export function readList(queue: PackedModelQueue, first: number, lap: 0 | 1): PackedModelResult | undefined {
  const elementAt = (table: bigint, index: bigint): Element => {
    const at = Number(table + 16n * index - queue.base);
    return {
      addr: queue.ram.getBigUint64(at, true),
      len: BigInt(queue.ram.getUint32(at + 8, true)),
      id: queue.ram.getUint16(at + 12, true),
      flags: queue.ram.getUint16(at + 14, true),
    };
  };
  const ringAt = (index: number) => elementAt(queue.descGpa, BigInt(index % queue.size));
  const { flags } = ringAt(first);
  if (((flags >> 7) & 1) !== lap || flags >> 15 === lap) return undefined;

  const list: Element[] = [];
  for (let index = first; ; index++) {
    const element = ringAt(index);
    list.push(element);
    if ((element.flags & VirtqDesc.INDIRECT) !== 0) {
      if (!queue.indirect) return { error: VirtqError.INDIRECT_NOT_NEGOTIATED };
      if (list.length > 1 || (element.flags & VirtqDesc.NEXT) !== 0) return { error: VirtqError.INDIRECT_WITH_NEXT };
      if (element.len === 0n || element.len % 16n !== 0n) return { error: VirtqError.INDIRECT_LENGTH };
      if (!inRam(queue, element.addr, element.len)) return { error: VirtqError.INDIRECT_ADDRESS };
      const entries = Number(element.len / 16n);
      const table = Array.from({ length: entries }, (_, entry) => elementAt(element.addr, BigInt(entry)));
      const result = buffersOf(queue, table);
      return result.error === undefined ? { ...result, id: element.id, slots: 1 } : result;
    }
    // A list that goes on beyond the ring has one bad element at least: that there are too many of them.
    const result = buffersOf(queue, list);
    if (result.error !== undefined) return result;
    if ((element.flags & VirtqDesc.NEXT) === 0) return { ...result, id: element.id, slots: list.length };
  }
}

function inRam({ ram, base }: PackedModelQueue, addr: bigint, length: bigint): boolean {
  const end = base + BigInt(ram.byteLength);
  return addr >= base && addr < end && addr + length <= end;
}

type Buffers =
  | { readonly error: VirtqError }
  | { readonly error: undefined; readonly readable: Segment[]; readonly writable: Segment[] };

function buffersOf(queue: PackedModelQueue, elements: readonly Element[]): Buffers {
  const readable: Segment[] = [];
  const writable: Segment[] = [];
  let total = 0n;
  for (const [index, { addr, len, flags }] of elements.entries()) {
    if (index >= queue.size) return { error: VirtqError.CHAIN_LENGTH };
    if (len === 0n) continue;
    if (!inRam(queue, addr, len)) return { error: VirtqError.BUFFER_ADDRESS };
    total += len;
    if (total >= 2n ** 32n) return { error: VirtqError.TOTAL_LENGTH };
    const isWritable = (flags & VirtqDesc.WRITE) !== 0;
    if (!isWritable && writable.length > 0) return { error: VirtqError.BUFFER_ORDER };
    (isWritable ? writable : readable).push({ gpa: Number(addr), length: Number(len) });
  }
  return { error: undefined, readable, writable };
}
