/** The TypeScript twin of assembly/virtio/chain.ts: buffers of a request, every one checked against RAM. */
import { Layout } from "../generated/layout.js";
import { VirtqDesc, VirtqError, VirtqFeature } from "../generated/shared/virtq.js";
import type { GuestRam } from "./guest-ram.js";
import { setOfRecord, word } from "./virtq-fields.js";

const { VIRTQ, RECORD, SEGMENT } = Layout;
const DESC_BYTES = 16;

export class Chain {
  #buffers = 0;
  #readable = 0;
  #writable = 0;
  #total = 0;

  constructor(readonly ram: GuestRam) {}

  begin(): void {
    this.#buffers = 0;
    this.#readable = 0;
    this.#writable = 0;
    this.#total = 0;
  }

  add(size: number, record: number, low: number, high: number, length: number, flags: number): number {
    if (++this.#buffers > size) return VirtqError.CHAIN_LENGTH;
    if (length === 0) return VirtqError.NONE;
    const offset = this.ram.offsetOf(low, high, length);
    if (offset < 0) return VirtqError.BUFFER_ADDRESS;
    this.#total += length;
    if (this.#total > 0xffff_ffff) return VirtqError.TOTAL_LENGTH;
    const index = this.#readable + this.#writable;
    if ((flags & VirtqDesc.WRITE) !== 0) this.#writable++;
    else if (this.#writable !== 0) return VirtqError.BUFFER_ORDER;
    else this.#readable++;
    const { words } = this.ram;
    const at = (record + RECORD.HEADER + index * SEGMENT.BYTES) >>> 2;
    words[at] = low;
    words[at + 1] = high;
    words[at + 2] = offset + Layout.RAM.OFFSET;
    words[at + 3] = length;
    return VirtqError.NONE;
  }

  end(record: number, head: number, slots: number): void {
    setOfRecord(this.ram, record, RECORD.HEAD, head);
    setOfRecord(this.ram, record, RECORD.READABLE, this.#readable);
    setOfRecord(this.ram, record, RECORD.WRITABLE, this.#writable);
    setOfRecord(this.ram, record, RECORD.SLOTS, slots);
    setOfRecord(this.ram, record, RECORD.WRITTEN, 0);
  }

  /** Fills `record` from the chain of a split ring at descriptor `head`. */
  walk(q: number, head: number, record: number): number {
    const { view } = this.ram;
    const size = word(this.ram, q, VIRTQ.SIZE);
    let table = word(this.ram, q, VIRTQ.DESC) >>> 0;
    let entries = size;
    let index = head;
    let isIndirect = false;
    this.begin();
    for (;;) {
      // An indirect table may begin at any address: DataView does not mind.
      const desc = table + index * DESC_BYTES;
      const low = view.getInt32(desc, true);
      const high = view.getInt32(desc + 4, true);
      const length = view.getUint32(desc + 8, true);
      const rest = view.getUint32(desc + 12, true);
      const flags = rest & 0xffff;
      const next = rest >>> 16;
      if ((flags & VirtqDesc.INDIRECT) !== 0) {
        if ((word(this.ram, q, VIRTQ.FEATURES) & VirtqFeature.INDIRECT_DESC) === 0)
          return VirtqError.INDIRECT_NOT_NEGOTIATED;
        if (isIndirect) return VirtqError.INDIRECT_NESTED;
        if ((flags & VirtqDesc.NEXT) !== 0) return VirtqError.INDIRECT_WITH_NEXT;
        if (length === 0 || (length & (DESC_BYTES - 1)) !== 0) return VirtqError.INDIRECT_LENGTH;
        const offset = this.ram.offsetOf(low, high, length);
        if (offset < 0) return VirtqError.INDIRECT_ADDRESS;
        table = Layout.RAM.OFFSET + offset;
        entries = length >>> 4;
        index = 0;
        isIndirect = true;
        continue;
      }
      const error = this.add(size, record, low, high, length, flags);
      if (error !== VirtqError.NONE) return error;
      if ((flags & VirtqDesc.NEXT) === 0) break;
      if (next >= entries) return VirtqError.NEXT_INDEX;
      index = next;
    }
    this.end(record, head, 0);
    return VirtqError.NONE;
  }

  /** Fills `record` from a list of a packed ring; the id is that of its last descriptor (virtio 1.2, 2.8.6). */
  walkPacked(q: number, first: number, record: number): number {
    const { view } = this.ram;
    const ring = word(this.ram, q, VIRTQ.DESC) >>> 0;
    const size = word(this.ram, q, VIRTQ.SIZE);
    let index = first;
    let slots = 0;
    this.begin();
    for (;;) {
      const desc = ring + index * DESC_BYTES;
      const low = view.getInt32(desc, true);
      const high = view.getInt32(desc + 4, true);
      const length = view.getUint32(desc + 8, true);
      const rest = view.getUint32(desc + 12, true);
      const flags = rest >>> 16;
      slots++;
      if ((flags & VirtqDesc.INDIRECT) !== 0) {
        if ((word(this.ram, q, VIRTQ.FEATURES) & VirtqFeature.INDIRECT_DESC) === 0)
          return VirtqError.INDIRECT_NOT_NEGOTIATED;
        if (slots !== 1 || (flags & VirtqDesc.NEXT) !== 0) return VirtqError.INDIRECT_WITH_NEXT;
        const error = this.#walkTable(size, record, low, high, length);
        if (error === VirtqError.NONE) this.end(record, rest & 0xffff, 1);
        return error;
      }
      const error = this.add(size, record, low, high, length, flags);
      if (error !== VirtqError.NONE) return error;
      if ((flags & VirtqDesc.NEXT) === 0) {
        this.end(record, rest & 0xffff, slots);
        return VirtqError.NONE;
      }
      index = index + 1 === size ? 0 : index + 1;
    }
  }

  #walkTable(size: number, record: number, low: number, high: number, length: number): number {
    if (length === 0 || (length & (DESC_BYTES - 1)) !== 0) return VirtqError.INDIRECT_LENGTH;
    const offset = this.ram.offsetOf(low, high, length);
    if (offset < 0) return VirtqError.INDIRECT_ADDRESS;
    const { view } = this.ram;
    const end = Layout.RAM.OFFSET + offset + length;
    for (let desc = Layout.RAM.OFFSET + offset; desc < end; desc += DESC_BYTES) {
      const flags = view.getUint16(desc + 14, true);
      const error = this.add(
        size,
        record,
        view.getInt32(desc, true),
        view.getInt32(desc + 4, true),
        view.getUint32(desc + 8, true),
        flags,
      );
      if (error !== VirtqError.NONE) return error;
    }
    return VirtqError.NONE;
  }
}
