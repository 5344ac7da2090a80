/** What a guest has agreed on since its last Tversion: message size, fids, and requests that wait for their replies. */
import { Fid } from "./fid.js";
import { LinuxError } from "./linux-error.js";
import { NO_FID } from "./protocol.js";
import type { SharedFolder } from "./shared-folder.js";

/** Attributes that are read or written at once. Each takes up to 64 KiB, and a guest needs one a thread at most. */
const ATTRIBUTES_MAX = 64;

/** A fid as plain data. */
export interface SavedFid {
  readonly fid: number;
  readonly uid: number;
  /** From the folder down; undefined when the file was removed. */
  readonly names: readonly Uint8Array[] | undefined;
  readonly flags?: number;
}

export class Session {
  readonly pending = new Map<number, Promise<unknown>>();
  readonly #fids = new Map<number, Fid>();
  /** Saved, and not yet asked for. */
  readonly #asleep = new Map<number, SavedFid>();
  readonly #waking = new Map<number, Promise<Fid>>();
  #attributes = 0;
  #ended = false;

  constructor(
    readonly folder: SharedFolder,
    /** 0 before Tversion. */
    readonly messageSize: number,
    readonly fidsMax: number,
  ) {}

  fid(number: number): Fid | Promise<Fid> {
    const fid = this.#fids.get(number);
    if (fid !== undefined) return fid;
    const saved = this.#asleep.get(number);
    if (saved === undefined) throw new LinuxError("EBADF");
    let waking = this.#waking.get(number);
    if (waking === undefined) {
      waking = this.#wake(saved).finally(() => this.#waking.delete(number));
      this.#waking.set(number, waking);
    }
    return waking;
  }

  has(number: number): boolean {
    return this.#fids.has(number) || this.#asleep.has(number);
  }

  /** Takes the fid over; lets go of it where it has no place. */
  add(number: number, fid: Fid): void {
    const full = this.#fids.size + this.#asleep.size >= this.fidsMax;
    if (!this.#ended && number !== NO_FID && !this.has(number) && !full) {
      this.#fids.set(number, fid);
      return;
    }
    fid[Symbol.dispose]();
    throw new LinuxError(full ? "EMFILE" : "EBADF");
  }

  remove(number: number): Fid | undefined {
    this.#asleep.delete(number);
    const fid = this.#fids.get(number);
    if (fid === undefined) return undefined;
    this.#fids.delete(number);
    if (fid.attribute !== undefined) this.#attributes--;
    fid[Symbol.dispose]();
    return fid;
  }

  startAttribute(fid: Fid, attribute: NonNullable<Fid["attribute"]>): void {
    if (fid.attribute !== undefined || fid.flags !== undefined) throw new LinuxError("EBUSY");
    if (this.#attributes >= ATTRIBUTES_MAX) throw new LinuxError("ENOBUFS");
    this.#attributes++;
    fid.attribute = attribute;
  }

  /** All fids are void. Calls under way go on, and find their fids gone. */
  end(): void {
    this.#ended = true;
    for (const fid of this.#fids.values()) fid[Symbol.dispose]();
    this.#fids.clear();
    this.#asleep.clear();
  }

  /** Attributes under way are lost: setting one is one system call of the guest's, which then fails. */
  save(): SavedFid[] {
    const saved = [...this.#asleep.values()];
    for (const [number, fid] of this.#fids) {
      if (fid.attribute !== undefined) continue;
      using file = fid.hold();
      saved.push({
        fid: number,
        uid: fid.uid,
        names: this.folder.namesOf(file),
        ...(fid.flags !== undefined && { flags: fid.flags }),
      });
    }
    return saved;
  }

  restore(saved: readonly SavedFid[]): void {
    for (const fid of saved) this.#asleep.set(fid.fid, fid);
  }

  async #wake({ fid: number, uid, names, flags }: SavedFid): Promise<Fid> {
    if (names === undefined) throw new LinuxError("ESTALE");
    const { folder } = this;
    let file = await folder.descend(names);
    const { type } = await folder.status(file);
    if (flags !== undefined) {
      using found = file;
      file = await folder.reopen(found, type, flags);
    }
    const fid = new Fid({ file, type, uid });
    fid.flags = flags;
    // Clunked meanwhile, or the session ended.
    if (!this.#asleep.delete(number)) {
      fid[Symbol.dispose]();
      throw new LinuxError("EBADF");
    }
    this.#fids.set(number, fid);
    return fid;
  }
}
