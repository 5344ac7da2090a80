// What a descriptor chain means, written down a second time and as plainly as possible: an oracle for the queue code.
// It reads the guest's memory like any device and knows nothing of records.

import { VirtqDesc, VirtqError } from "../../assembly/shared/virtq.js";
import type { Segment } from "./queue-bench.js";

export interface ModelQueue {
  readonly ram: DataView;
  readonly base: bigint;
  readonly descGpa: bigint;
  readonly size: number;
  readonly indirect: boolean;
}

export type ModelResult =
  | { readonly error: VirtqError }
  | { readonly error: undefined; readonly readable: Segment[]; readonly writable: Segment[] };

export function walkChain(queue: ModelQueue, head: number): ModelResult {
  const { ram, base, size } = queue;
  const ramEnd = base + BigInt(ram.byteLength);
  const inRam = (gpa: bigint, length: bigint) => gpa >= base && gpa < ramEnd && gpa + length <= ramEnd;
  const fail = (error: VirtqError): ModelResult => ({ error });

  let table = queue.descGpa;
  let entries = BigInt(size);
  let insideIndirect = false;
  let index = BigInt(head);
  let count = 0;
  let total = 0n;
  const readable: Segment[] = [];
  const writable: Segment[] = [];
  if (index >= entries) return fail(VirtqError.HEAD_INDEX);
  for (;;) {
    const at = Number(table + 16n * index - base);
    const addr = ram.getBigUint64(at, true);
    const len = BigInt(ram.getUint32(at + 8, true));
    const flags = ram.getUint16(at + 12, true);
    const next = BigInt(ram.getUint16(at + 14, true));
    if (flags & VirtqDesc.INDIRECT) {
      if (!queue.indirect) return fail(VirtqError.INDIRECT_NOT_NEGOTIATED);
      if (insideIndirect) return fail(VirtqError.INDIRECT_NESTED);
      if (flags & VirtqDesc.NEXT) return fail(VirtqError.INDIRECT_WITH_NEXT);
      if (len === 0n || len % 16n !== 0n) return fail(VirtqError.INDIRECT_LENGTH);
      if (!inRam(addr, len)) return fail(VirtqError.INDIRECT_ADDRESS);
      insideIndirect = true;
      table = addr;
      entries = len / 16n;
      index = 0n;
      continue;
    }
    count++;
    if (count > size) return fail(VirtqError.CHAIN_LENGTH);
    if (len > 0n) {
      if (!inRam(addr, len)) return fail(VirtqError.BUFFER_ADDRESS);
      total += len;
      if (total >= 2n ** 32n) return fail(VirtqError.TOTAL_LENGTH);
      const segment = { gpa: Number(addr), length: Number(len) };
      if (flags & VirtqDesc.WRITE) writable.push(segment);
      else if (writable.length > 0) return fail(VirtqError.BUFFER_ORDER);
      else readable.push(segment);
    }
    if (!(flags & VirtqDesc.NEXT)) return { error: undefined, readable, writable };
    if (next >= entries) return fail(VirtqError.NEXT_INDEX);
    index = next;
  }
}
