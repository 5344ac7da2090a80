/**
 * How much of its memory a guest is to be left with, and what it says of it: the balloon from the caller's side, from one
 * reset to the next.
 */
import { BALLOON_PAGE, type BalloonStats, type VirtioBalloon } from "../devices/virtio/balloon.js";
import type { MemoryStats } from "./machine-config.js";

/** A guest that does not answer by then (it is paused, or has no driver) is reported as it was last seen. */
const ANSWER_MS = 1000;

export interface MemoryControlOptions {
  readonly ramBytes: number;
  /** Bytes that the guest is to be left with at boot. */
  readonly target: number;
  /** What changes the target comes from the recording alone. */
  readonly replaying: boolean;
}

export class MemoryControl {
  readonly #options: MemoryControlOptions;
  #balloon: VirtioBalloon | undefined;
  /** Pages wanted in the balloon; the device has them once they have entered the machine. */
  #pages: number;
  #waiting: (() => void)[] = [];

  constructor(options: MemoryControlOptions) {
    this.#options = options;
    this.#pages = this.#pagesFor(options.target);
  }

  /** What the balloon of the next machine starts with: what that of the last one was told. */
  get bootPages(): number {
    return this.#balloon?.target ?? this.#pages;
  }

  /** A machine was built: its balloon is the one that counts. */
  attach(balloon: VirtioBalloon): void {
    this.#balloon = balloon;
    this.#follow();
  }

  setTarget(bytes: number): void {
    this.#pages = this.#pagesFor(bytes);
    this.#follow();
  }

  /** The driver sent statistics. */
  arrived(_stats: BalloonStats): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async stats(): Promise<MemoryStats> {
    const { ramBytes, replaying } = this.#options;
    if (!replaying && this.#balloon?.answersPolls) {
      this.#balloon.pollStats();
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        setTimeout(resolve, ANSWER_MS).unref();
      });
    }
    const balloon = this.#balloon;
    return {
      bytes: ramBytes,
      target: ramBytes - (balloon?.target ?? 0) * BALLOON_PAGE,
      balloon: (balloon?.actual ?? 0) * BALLOON_PAGE,
      guest: { ...balloon?.stats },
    };
  }

  #follow(): void {
    const balloon = this.#balloon;
    if (balloon !== undefined && balloon.target !== this.#pages && !this.#options.replaying)
      balloon.setTarget(this.#pages);
  }

  #pagesFor(bytes: number): number {
    return Math.floor(Math.max(0, this.#options.ramBytes - bytes) / BALLOON_PAGE);
  }
}
