// virtio-balloon (virtio 1.2, 5.5): memory that the guest lends back to its host. Queues: inflateq (0), deflateq (1), statsq (2),
// reporting_vq (4, or wherever a driver puts it: see `#isStats`).
//
// Offered: STATS_VQ, DEFLATE_ON_OOM, PAGE_REPORTING. Not supported: MUST_TELL_HOST (a page is there again as soon as it is
// touched), FREE_PAGE_HINT (a hint to a migration under way, which dirty tracking serves better), PAGE_POISON.
//
// What the guest gives away, in the balloon or by reporting it as free, reads as zeroes from that instant on.

import type { DeviceContext } from "../device.js";
import { VirtioDevice } from "./virtio-device.js";
import { DeviceId } from "./virtio-spec.js";
import type { VirtqRequest } from "./virtq-request.js";

const INFLATE = 0;
const DEFLATE = 1;
const STATS = 2;
/** Linux reports 32 ranges at a time and wants room for them. */
const QUEUE_SIZES = [128, 128, 16, 32, 32] as const;

/** Feature bits (5.5.3). */
const enum BalloonFeature {
  STATS_VQ = 1,
  DEFLATE_ON_OOM = 2,
  PAGE_REPORTING = 5,
}

/** struct virtio_balloon_config: num_pages, actual (5.5.4). */
const CONFIG_LENGTH = 8;
const CONFIG_NUM_PAGES = 0;
const CONFIG_ACTUAL = 4;

/** The device's pages have 4096 bytes, whatever the guest's have (5.5). */
export const BALLOON_PAGE = 4096;
const PFN_LENGTH = 4;
/** Page numbers taken from one request; Linux sends 256. What goes beyond stays where it is: a balloon is no promise. */
const PFNS_MAX = 1024;
const NUM_PAGES_MAX = 0xffff_ffff;

/** struct virtio_balloon_stat: a tag of 16 bits and a value of 64 (5.5.6.3). */
const STAT_LENGTH = 10;
const STATS_MAX = 64;
/** By tag (5.5.6.4); memory in bytes, the others are counts. */
const STAT_NAMES = [
  "swapIn",
  "swapOut",
  "majorFaults",
  "minorFaults",
  "free",
  "total",
  "available",
  "caches",
  "hugetlbAllocations",
  "hugetlbFailures",
] as const;

/** What a guest says of its memory. A guest says of it what it likes, and may leave out what it likes. */
export type BalloonStats = { [Name in (typeof STAT_NAMES)[number]]?: number };

export interface VirtioBalloonOptions {
  readonly name: string;
  readonly context: DeviceContext;
  /** Pages that the balloon is to have at boot. */
  readonly pages?: number;
  /** The driver sent statistics. */
  readonly onStats?: (stats: BalloonStats) => void;
}

export class VirtioBalloon extends VirtioDevice {
  readonly deviceId = DeviceId.BALLOON;
  readonly features = [BalloonFeature.STATS_VQ, BalloonFeature.DEFLATE_ON_OOM, BalloonFeature.PAGE_REPORTING];
  readonly queueSizes = QUEUE_SIZES;
  readonly config = new Uint8Array(CONFIG_LENGTH);
  /** What the driver sent last. */
  stats: BalloonStats = {};

  readonly #fields = new DataView(this.config.buffer);
  readonly #onStats: (stats: BalloonStats) => void;
  /** The driver's buffer for statistics, which is kept until somebody asks for new ones (5.5.6.3.1). */
  #statsRequest: VirtqRequest | undefined;

  constructor({ name, context, pages = 0, onStats = () => undefined }: VirtioBalloonOptions) {
    super(name, context);
    this.#fields.setUint32(CONFIG_NUM_PAGES, pages, true);
    this.#onStats = onStats;
  }

  /** Pages that the balloon is to have. */
  get target(): number {
    return this.#fields.getUint32(CONFIG_NUM_PAGES, true);
  }

  /** Pages that it has, as the driver says. */
  get actual(): number {
    return this.#fields.getUint32(CONFIG_ACTUAL, true);
  }

  /** Has the driver inflate or deflate the balloon to so many pages, as far as the guest can spare them. */
  setTarget(pages: number): void {
    const payload = new Uint8Array(4);
    new DataView(payload.buffer).setUint32(0, Math.min(pages, NUM_PAGES_MAX), true);
    this.context.input.post(
      this.nextLabel("target"),
      (recorded = payload) => {
        this.config.set(recorded.subarray(0, payload.length), CONFIG_NUM_PAGES);
        this.transport.notifyConfig();
      },
      payload,
    );
  }

  /** Whether there is a driver that can be asked for statistics. */
  get answersPolls(): boolean {
    return this.#statsRequest !== undefined;
  }

  /** Asks the driver for new statistics. */
  pollStats(): void {
    this.context.input.post(this.nextLabel("poll"), () => {
      const request = this.#statsRequest;
      if (request === undefined) return;
      this.#statsRequest = undefined;
      this.complete(STATS, request, 0);
      this.flush(STATS);
    });
  }

  handleQueue(index: number): void {
    if (index === INFLATE) this.drain(index, (request) => this.#inflate(request));
    else if (index === DEFLATE) this.drain(index, (request) => this.#giveBack(request));
    else if (this.#isStats(index)) this.#takeStats();
    else this.#takeReports(index);
  }

  override writeConfig(offset: number, size: number, value: number): void {
    for (let index = 0; index < size; index++) {
      const at = offset + index;
      if (at >= CONFIG_ACTUAL && at < CONFIG_LENGTH) this.config[at] = value >>> (8 * index);
    }
  }

  /** A driver that starts over has an empty balloon: all of the guest's memory is its own again. */
  reset(): void {
    this.#statsRequest = undefined;
    this.#fields.setUint32(CONFIG_ACTUAL, 0, true);
  }

  override resetQueue(index: number): void {
    if (this.#isStats(index)) this.#statsRequest = undefined;
  }

  saveDevice(): Record<string, unknown> {
    return { config: this.config.slice(), stats: { ...this.stats } };
  }

  restoreDevice(state: Record<string, unknown>): void {
    this.config.set(state["config"] as Uint8Array);
    this.stats = { ...(state["stats"] as BalloonStats) };
    // The only requests that outlive their call.
    if (this.#isStats(STATS)) this.#statsRequest = this.queue(STATS).underWay()[0];
  }

  /**
   * Without FREE_PAGE_HINT the specification leaves a gap at queue 3; most versions of Linux, and QEMU with them, number
   * the queues that are there without gaps. As that feature is not on offer, all but statistics are reports.
   */
  #isStats(index: number): boolean {
    return index === STATS && this.transport.negotiated(BalloonFeature.STATS_VQ);
  }

  /** The readable part is an array of page numbers (5.5.6.1). */
  #inflate(request: VirtqRequest): boolean {
    const { memory } = this.context;
    const bytes = new Uint8Array(Math.min(request.readableLength, PFNS_MAX * PFN_LENGTH) & ~(PFN_LENGTH - 1));
    request.read(0, bytes);
    const fields = new DataView(bytes.buffer);
    const pfns = Uint32Array.from({ length: bytes.length / PFN_LENGTH }, (_, index) =>
      fields.getUint32(index * PFN_LENGTH, true),
    ).sort();
    const first = memory.base / BALLOON_PAGE;
    const end = first + memory.size / BALLOON_PAGE;
    for (let index = 0; index < pfns.length; ) {
      const from = pfns[index] ?? 0;
      let to = from;
      // Neighbours go together, and what was named twice goes once.
      while (index < pfns.length && (pfns[index] ?? 0) <= to) {
        if (pfns[index] === to) to++;
        index++;
      }
      if (from >= first && to <= end) memory.discard(from * BALLOON_PAGE, (to - from) * BALLOON_PAGE);
      else this.counters.dropped += to - from;
    }
    return this.#giveBack(request, INFLATE);
  }

  /** A page is the guest's again as soon as it touches it: there is nothing to be done for it. */
  #giveBack(request: VirtqRequest, queue = DEFLATE): boolean {
    this.complete(queue, request, 0);
    return true;
  }

  /** The driver has one buffer of statistics under way at a time; it gets it back when new ones are wanted. */
  #takeStats(): void {
    this.drain(STATS, (request) => {
      const old = this.#statsRequest;
      this.#statsRequest = request;
      if (old !== undefined) this.complete(STATS, old, 0);
      this.#readStats(request);
      return true;
    });
  }

  #readStats(request: VirtqRequest): void {
    const bytes = new Uint8Array(STATS_MAX * STAT_LENGTH);
    const length = request.read(0, bytes);
    const fields = new DataView(bytes.buffer);
    const stats: BalloonStats = {};
    for (let at = 0; at + STAT_LENGTH <= length; at += STAT_LENGTH) {
      const name = STAT_NAMES[fields.getUint16(at, true)];
      if (name !== undefined) stats[name] = Number(fields.getBigUint64(at + 2, true));
    }
    // The first buffer of a driver is there to be given back, and empty (5.5.6.3.1).
    if (Object.keys(stats).length === 0) return;
    this.stats = stats;
    this.#onStats(stats);
  }

  /** The writable buffers of a request are free memory (5.5.6.7). One call discards no more than all of RAM. */
  #takeReports(queue: number): void {
    const { memory } = this.context;
    let left = memory.size;
    this.drain(queue, (request) => {
      for (const { gpa, length } of request.writableRanges()) {
        if (length > left) {
          this.counters.dropped++;
          continue;
        }
        memory.discard(gpa, length);
        left -= length;
      }
      this.complete(queue, request, 0);
      if (left > 0) return true;
      this.continueLater(queue);
      return false;
    });
  }
}
