/**
 * Checkpoints of a running machine. What a guest notices of one is that its disks are slow for a moment, and then a pause that
 * does not depend on how much memory it has:
 *
 *   freeze    devices take no further requests; the guest goes on while those under way are finished
 *   pause     hart and devices are saved, disks switched, copy-before-write begins
 *   thaw      the guest goes on, and its memory is written meanwhile (page-saver.ts)
 *   release   the file is complete and has its name
 */
import { randomBytes } from "node:crypto";
import { dirname, resolve } from "node:path";
import type { ManifestContents } from "../checkpoint/manifest.js";
import { CheckpointWriter } from "../checkpoint/writer.js";
import { VkrunError } from "../errors.js";
import { Layout } from "../generated/layout.js";
import { vkrunVersion } from "../version.js";
import type { CheckpointProgress, CheckpointRequest, CheckpointResult } from "./checkpoint-request.js";
import { DiskDataWriter } from "./disk-data-regions.js";
import type { Drive, DriveCheckpoint } from "./drive.js";
import { elapsedMs } from "./host-clock.js";
import type { Machine } from "./machine.js";
import type { Vmspaces } from "./machine-config.js";
import { PageSaver } from "./page-saver.js";
import type { Runner } from "./runner.js";
import type { SavedMachine } from "./saved-machine.js";

/** What a manifest says besides the machine, its disks and the checkpoint itself. */
export type Surroundings = Pick<ManifestContents, "name" | "config" | "console" | "entropy" | `x-${string}`>;

export interface CheckpointReference {
  readonly id: Uint8Array;
  readonly path: string;
}

export interface CheckpointerOptions {
  readonly machine: Machine;
  readonly runner: Runner;
  readonly drives: readonly Drive[];
  /** Measured before the pause: for whoever inspects the checkpoint. */
  readonly vmspaces: () => Promise<Vmspaces>;
  /** Asked at the pause. */
  readonly surroundings: () => Surroundings;
  /** The checkpoint that the machine comes from, if it does. */
  readonly origin: CheckpointReference | undefined;
}

export interface CheckpointCall {
  readonly request: CheckpointRequest;
  readonly onProgress: (progress: CheckpointProgress) => void;
  readonly signal: AbortSignal;
}

/** What was saved at the pause. */
interface Instant {
  readonly machine: SavedMachine;
  readonly surroundings: Surroundings;
  readonly created: string;
  readonly pages: number;
  readonly saver: PageSaver;
  /** The core's bitmap of what was written since the last checkpoint, as it was. */
  readonly changed: Int32Array;
}

const PAGE = Layout.PAGE.SIZE;
const ID_BYTES = 16;

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  /** What was written since that one is in the core's bitmap. */
  #last: CheckpointReference | undefined;
  #saver: PageSaver | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#last = options.origin;
    options.machine.onCopiesFull = () => this.#saver?.takeCopies();
  }

  /** Between slices: set while the guest writes more than can be written away. */
  congestion(): Promise<void> | undefined {
    return this.#saver?.congestion();
  }

  /** Resolves when no checkpoint is under way. */
  async settled(): Promise<void> {
    await this.#queue;
  }

  /** One after the other. */
  checkpoint(call: CheckpointCall): Promise<CheckpointResult> {
    const result = this.#queue.then(() => this.#checkpoint(call));
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #checkpoint(call: CheckpointCall): Promise<CheckpointResult> {
    const startNs = process.hrtime.bigint();
    const { request } = call;
    refuseAborted(call.signal);
    const { core } = this.#options.machine;
    const path = resolve(request.path);
    const parent = this.#parent(request);
    const id = randomBytes(ID_BYTES);
    await using writer = await CheckpointWriter.create({
      ...{ path, ramBytes: core.ramBytes, id, parent },
      temporary: request.temporary,
    });
    const disks: DriveCheckpoint[] = [];
    try {
      for (const drive of this.#options.drives) {
        disks.push(await drive.prepareCheckpoint({ folder: dirname(path), contents: request.diskIn }));
      }
      const vmspaces = await this.#options.vmspaces();
      let pauseMs = 0;
      const write = async (instant: Instant): Promise<number> => {
        try {
          return await this.#write(instant, writer, disks, vmspaces, call);
        } catch (error) {
          this.#takeBack(instant);
          throw error;
        }
      };
      const { instant, bytes } = await this.#held(call, async () => {
        const pausedNs = process.hrtime.bigint();
        const instant = this.#pause(disks, writer, parent !== undefined);
        if (!request.exit) {
          this.#options.machine.thaw();
          pauseMs = elapsedMs(pausedNs);
          return { instant, bytes: undefined };
        }
        const bytes = await write(instant);
        pauseMs = elapsedMs(pausedNs);
        this.#options.runner.stop();
        return { instant, bytes };
      });
      const written = bytes ?? (await write(instant));
      if (request.temporary) this.#takeBack(instant);
      else this.#last = { id, path };
      return {
        ...{ id: hex(id), path, parent: parent && hex(parent.id), bytes: written },
        ...{ pages: instant.pages, copiedPages: instant.saver.copied, pauseMs, totalMs: elapsedMs(startNs) },
      };
    } finally {
      this.#saver = undefined;
      await Promise.allSettled(disks.map((disk) => disk[Symbol.asyncDispose]()));
    }
  }

  /** Freezes the machine, calls `hold` while it stands still, and has it go on, whatever comes. */
  async #held<T>({ signal }: CheckpointCall, hold: () => Promise<T>): Promise<T> {
    const { machine, runner } = this.#options;
    let answer: { value: T } | undefined;
    let thawed = false;
    machine.freeze();
    await runner.meet({
      ready: () => signal.aborted || machine.isQuiet,
      hold: async () => {
        try {
          refuseAborted(signal);
          answer = { value: await hold() };
          thawed = true;
        } finally {
          if (!thawed) {
            machine.thaw();
            machine.release();
          }
        }
      },
    });
    if (answer === undefined) throw new Error("a meeting that never was");
    return answer.value;
  }

  /** The instant that the checkpoint is of. As little as possible. */
  #pause(disks: readonly DriveCheckpoint[], writer: CheckpointWriter, incremental: boolean): Instant {
    const { machine, surroundings } = this.#options;
    const { core } = machine;
    for (const disk of disks) disk.switch();
    const saved = machine.save(Date.now());
    const described = surroundings();
    const changed = changedPages(machine);
    const pages = core.exports.checkpointBegin(incremental ? 1 : 0);
    const saver = new PageSaver(core, machine.bitmaps, writer);
    this.#saver = saver;
    return { machine: saved, surroundings: described, created: new Date().toISOString(), pages, saver, changed };
  }

  /** All that takes its time. Answers how many bytes were written. */
  async #write(
    { machine, surroundings, created, pages, saver }: Instant,
    writer: CheckpointWriter,
    disks: readonly DriveCheckpoint[],
    vmspaces: Vmspaces,
    { signal, onProgress }: CheckpointCall,
  ): Promise<number> {
    try {
      await saver.save(() => {
        refuseAborted(signal);
        onProgress({ pages: saver.done, totalPages: pages });
      });
      const drives: unknown[] = [];
      const data = new DiskDataWriter(writer);
      for (const disk of disks) drives.push(await disk.finish(data));
      refuseAborted(signal);
      const { bytes } = await writer.finish({
        ...surroundings,
        created,
        vkrun: await vkrunVersion(),
        hart: machine.hart,
        clock: machine.clock,
        devices: machine.devices,
        disks: drives,
        vmspaces: { ...vmspaces },
      });
      return bytes;
    } finally {
      this.#options.machine.release();
    }
  }

  /** Nothing will build upon the checkpoint: what it has of the guest's writes, the next one has to have. */
  #takeBack({ changed }: Instant): void {
    const { core } = this.#options.machine;
    const from = Layout.CHANGED.BITMAP / 4;
    const now = core.words.subarray(from, from + changed.length);
    for (const [index, word] of changed.entries()) if (word !== 0) now[index] = (now[index] as number) | word;
  }

  #parent({ parent }: CheckpointRequest): CheckpointReference | undefined {
    if (parent === undefined) return undefined;
    const last = this.#last;
    if (parent === true) return last;
    if (last !== undefined && resolve(parent) === resolve(last.path)) return last;
    throw new VkrunError(
      "ERR_VKRUN_CHECKPOINT_PARENT",
      last === undefined
        ? `the vkernel has had no checkpoint since its last reset that ${parent} could be`
        : `${parent} is not the vkernel's last checkpoint, which is ${last.path}`,
      { hint: "Only what was written since the last checkpoint is known: name that one, or none." },
    );
  }
}

/** What was written since the last checkpoint: a copy of the core's bitmap. */
function changedPages({ core }: Machine): Int32Array {
  const words = Math.ceil(core.ramBytes / PAGE / 32);
  const from = (bitmap: number) => core.words.subarray(bitmap / 4, bitmap / 4 + words);
  const changed = from(Layout.CHANGED.BITMAP).slice();
  const dirty = from(Layout.DIRTY.BITMAP);
  for (let at = 0; at < words; at++) changed[at] = (changed[at] as number) | (dirty[at] as number);
  return changed;
}

function refuseAborted(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new VkrunError("ERR_VKRUN_CHECKPOINT_ABORTED", "the checkpoint was called off");
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
