/** A machine goes on from a checkpoint: its disks, its memory, its state. */
import { randomBytes } from "node:crypto";
import { CheckpointFile } from "../checkpoint/checkpoint-file.js";
import { GENERATION_LENGTH } from "../devices/vmgenid.js";
import { VkrunError } from "../errors.js";
import { Layout } from "../generated/layout.js";
import { DiskDataReader } from "./disk-data-regions.js";
import type { Drive } from "./drive.js";
import { openAll, openSavedDrive } from "./drives.js";
import { TICKS_PER_SECOND } from "./host-clock.js";
import type { InputReplay } from "./input-log.js";
import type { Machine } from "./machine.js";
import type { ConsoleSize } from "./machine-config.js";
import type { ThawStart } from "./protocol.js";
import type { SavedDrive } from "./saved-drive.js";
import type { SavedHart } from "./saved-hart.js";
import { CLOCK_VERSION, type SavedClock } from "./saved-machine.js";
import { restoreVmspaceRoots } from "./vmspaces.js";

/** What the supervisor keeps in a checkpoint besides the machine. Plain data. */
export interface SavedConsole {
  readonly size: ConsoleSize;
  /** Input that was on its way to the guest: of the console, and of ports. */
  readonly waiting: readonly Uint8Array[];
  readonly ports: Readonly<Record<string, readonly Uint8Array[]>>;
}

const TICKS_PER_MS = TICKS_PER_SECOND / 1000;

export class Thaw implements AsyncDisposable {
  static async open(start: ThawStart, ramBytes: number): Promise<Thaw> {
    const file = await CheckpointFile.open(start.path);
    if (file.ramBytes === ramBytes) return new Thaw(file, start);
    await file[Symbol.asyncDispose]();
    throw invalid(`it has ${file.ramBytes} bytes of memory and says ${ramBytes}`);
  }

  readonly #file: CheckpointFile;
  readonly #start: ThawStart;

  private constructor(file: CheckpointFile, start: ThawStart) {
    this.#file = file;
    this.#start = start;
  }

  /** The checkpoint, as the parent of the next one. */
  get origin(): { id: Uint8Array; path: string } | undefined {
    return this.#start.temporary ? undefined : { id: this.#file.manifest.id, path: this.#file.path };
  }

  get id(): string {
    return Buffer.from(this.#file.manifest.id).toString("hex");
  }

  /** In ns since 1970. */
  get wallNsAtReset(): bigint {
    return BigInt(this.#clock.wallNsAtReset);
  }

  get console(): SavedConsole {
    return this.#file.manifest.console as SavedConsole;
  }

  /** Where a bare-metal program says that it has ended. */
  get tohost(): bigint | undefined {
    const tohost = this.#file.manifest["x-tohost"];
    return typeof tohost === "bigint" || typeof tohost === "number" ? BigInt(tohost) : undefined;
  }

  openDrives(): Promise<Drive[]> {
    const saved = this.#file.manifest.disks as readonly SavedDrive[];
    const data = new DiskDataReader(this.#file);
    return openAll(
      saved.map((drive, index) => () => {
        const path = this.#start.drives[index];
        return openSavedDrive(drive, { data, snapshot: this.#start.snapshot, ...(path !== undefined && { path }) });
      }),
    );
  }

  /** Into a machine that was just built. */
  async restore(machine: Machine): Promise<void> {
    const { core, memory } = machine;
    const { hart, devices } = this.#file.manifest;
    await this.#file.mapRam(core.ram);
    memory.isMapped = true;
    core.bytes.set(this.#file.present(), Layout.WRITTEN.BITMAP);
    const roots = this.#file.manifest["x-vmspace-roots"];
    if (roots instanceof Uint8Array) restoreVmspaceRoots(core, roots);
    machine.restore({ hart: hart as SavedHart, clock: this.#clock, devices });
  }

  /** Has the guest go on, as somebody else. */
  release(machine: Machine): void {
    machine.thaw();
    machine.release();
    machine.changeGeneration(randomBytes(GENERATION_LENGTH));
  }

  /** What the guest's clock would show now. */
  ticks(machine: Machine): bigint {
    const passed = this.#start.clock === "step" ? Math.max(0, Date.now() - this.#clock.hostMs) : 0;
    return machine.ticks() + BigInt(passed) * BigInt(TICKS_PER_MS);
  }

  /** Has a recording begin where the checkpoint was made. */
  align(replay: InputReplay): void {
    if (replay.checkpoint === this.id) return;
    const log = this.#file.manifest["x-log"] as { entries?: unknown } | undefined;
    const entries = log?.entries;
    if (typeof entries !== "number" || !Number.isSafeInteger(entries)) {
      throw new VkrunError("ERR_VKRUN_REPLAY_MISMATCH", "the recording does not begin with this checkpoint", {
        hint: "Thaw the checkpoint that the recording began with, or one that was made during the recording.",
      });
    }
    replay.skip(entries);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }

  get #clock(): SavedClock {
    const clock = this.#file.manifest.clock as SavedClock;
    if (clock?.version !== CLOCK_VERSION) throw invalid("it has no clock that this vkrun knows");
    return clock;
  }
}

function invalid(what: string): VkrunError {
  return new VkrunError("ERR_VKRUN_CHECKPOINT_INVALID", `the checkpoint contradicts itself: ${what}`, {
    hint: "It is damaged, or was made by an incompatible version of vkrun.",
  });
}
