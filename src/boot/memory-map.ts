/** Who gets which part of guest RAM before the guest starts. Nothing overlaps, nothing lies outside. */
import { VkrunError } from "../errors.js";
import type { ByteSource } from "./byte-source.js";
import type { Region } from "./device-tree.js";

/** Contents for [gpa, gpa + content.size); [gpa, gpa + size) is its own, what lies between stays zero. */
export interface Segment {
  readonly label: string;
  readonly gpa: number;
  readonly size: number;
  readonly content: ByteSource;
}

interface Taken {
  readonly label: string;
  readonly gpa: number;
  readonly size: number;
}

export class MemoryMap {
  readonly segments: Segment[] = [];
  /** Bytes that will have to be placed later on, for messages about too little memory. */
  stillToCome = 0;
  readonly #taken: Taken[] = [];

  constructor(readonly ram: Region) {}

  get ramEnd(): number {
    return this.ram.base + this.ram.size;
  }

  place(segment: Segment): void {
    this.reserve(segment.label, segment.gpa, segment.size);
    this.segments.push(segment);
  }

  /** Takes memory without putting anything there. */
  reserve(label: string, gpa: number, size: number): void {
    if (!(gpa >= this.ram.base && gpa < this.ramEnd)) {
      throw new VkrunError(
        "ERR_VKRUN_LOAD_ADDRESS",
        `The ${label} loads at ${hex(gpa)}, outside the guest's memory (${hex(this.ram.base)} to ${hex(this.ramEnd - 1)}).`,
        { hint: `Link it for ${hex(this.ram.base)}, the start of memory on this machine.` },
      );
    }
    if (gpa + size > this.ramEnd) throw this.tooSmall(label, gpa - this.ram.base + size + this.stillToCome);
    const other = this.#taken.find((taken) => overlaps(taken, gpa, size));
    if (other) {
      throw new VkrunError(
        "ERR_VKRUN_LOAD_ADDRESS",
        `The ${label} (${range(gpa, size)}) overlaps the ${other.label} (${range(other.gpa, other.size)}).`,
        { hint: "Give images that load at different addresses." },
      );
    }
    this.#taken.push({ label, gpa, size });
  }

  /**
   * The highest free place of `size` bytes that ends at or below `top`. Never below everything else: older kernels
   * give up the memory below themselves.
   */
  findBelow(top: number, size: number, alignment: number): number | undefined {
    const lowest = Math.max(this.ram.base, Math.min(...this.#taken.map((taken) => taken.gpa)));
    for (let end = Math.min(top, this.ramEnd); ; ) {
      const gpa = Math.floor((end - size) / alignment) * alignment;
      if (gpa < lowest) return undefined;
      const other = this.#taken.find((taken) => overlaps(taken, gpa, size));
      if (!other) return gpa;
      end = other.gpa;
    }
  }

  /** `needed`: bytes of RAM with which `label` would fit. */
  tooSmall(label: string, needed: number): VkrunError {
    const mib = (bytes: number): number => Math.ceil(bytes / 2 ** 20);
    const enough = Math.ceil(mib(needed) / 64) * 64;
    return new VkrunError(
      "ERR_VKRUN_MEMORY_TOO_SMALL",
      `The ${label} does not fit into the guest's ${mib(this.ram.size)} MiB of memory; loading alone takes ${mib(needed)} MiB.`,
      { hint: `Give the guest at least ${enough} MiB with -m ${enough}M; a full system wants 512M or more.` },
    );
  }

  /** End of the memory that is taken from the start of RAM on, as an offset. */
  get usedFromBase(): number {
    return Math.max(0, ...this.#taken.map(({ gpa, size }) => gpa + size - this.ram.base));
  }
}

const overlaps = (taken: Taken, gpa: number, size: number): boolean =>
  gpa < taken.gpa + taken.size && taken.gpa < gpa + size;

export const hex = (value: number): string => `0x${value.toString(16)}`;
export const range = (gpa: number, size: number): string => `${hex(gpa)} to ${hex(gpa + size - 1)}`;
