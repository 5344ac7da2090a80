/** What a checkpoint holds of a machine besides RAM: plain data. */
import { VkrunError } from "../errors.js";
import type { SavedHart } from "./saved-hart.js";

export interface SavedMachine {
  readonly hart: SavedHart;
  readonly clock: SavedClock;
  /** By the device's name. */
  readonly devices: Readonly<Record<string, unknown>>;
}

export interface SavedClock {
  readonly version: number;
  /** The wall clock at the last reset, in ns since 1970. */
  readonly wallNsAtReset: bigint;
  /** Guest time. */
  readonly ticks: bigint;
  /** The host's wall clock at the checkpoint, in ms since 1970. */
  readonly hostMs: number;
  /** How often the machine stood still for a checkpoint. */
  readonly pauses: number;
}

export const CLOCK_VERSION = 1;

/** A part of a machine that has a state. */
export interface Stateful {
  readonly name: string;
  save(): unknown;
  restore(state: unknown): void;
}

export function saveAll(parts: readonly Stateful[]): Record<string, unknown> {
  return Object.fromEntries(parts.map((part) => [part.name, part.save()]));
}

/** `saved` comes from a file: whatever is wrong with it is told as that. */
export function restoreAll(parts: readonly Stateful[], saved: Readonly<Record<string, unknown>>): void {
  const names = new Set(parts.map(({ name }) => name));
  const unknown = Object.keys(saved).find((name) => !names.has(name));
  if (unknown !== undefined) throw foreignDevice(`it has a device "${unknown}", which this machine has not`);
  for (const part of parts) {
    const state = saved[part.name];
    if (state === undefined) throw foreignDevice(`it lacks the device "${part.name}"`);
    try {
      part.restore(state);
    } catch (cause) {
      if (cause instanceof VkrunError) throw cause;
      throw new VkrunError("ERR_VKRUN_CHECKPOINT_INVALID", `the saved state of ${part.name} makes no sense`, {
        hint: "The checkpoint is damaged, or was made by an incompatible version of vkrun.",
        cause,
      });
    }
  }
}

function foreignDevice(what: string): VkrunError {
  return new VkrunError("ERR_VKRUN_CHECKPOINT_DEVICE", `the checkpoint is of another machine: ${what}`, {
    hint: "Thaw it with the vkrun that made it, and with the devices that it was made with.",
  });
}
