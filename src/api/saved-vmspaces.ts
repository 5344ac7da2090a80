/** The guest's address spaces as a checkpoint tells of them. They come out of a file: nothing of them is taken for granted. */
import type { AddressSpaceMode, Vmspace, Vmspaces } from "../machine/machine-config.js";

const MODES: readonly unknown[] = ["sv39", "sv48", "sv57"] satisfies AddressSpaceMode[];
const MAPPED = ["mappedBytes", "residentBytes", "accessedBytes", "dirtyBytes", "tableBytes"] as const;
const SPACE = ["root", "asid", "sharedBytes", "proportionalBytes", ...MAPPED] as const;

/** Undefined when there are none, or what is there is none. */
export function vmspacesOf({ spaces, kernel }: Readonly<Record<string, unknown>>): Vmspaces | undefined {
  if (!Array.isArray(spaces) || !spaces.every(isVmspace)) return undefined;
  if (kernel !== undefined && !isMapped(kernel)) return undefined;
  return spaces.length === 0 && kernel === undefined ? undefined : { spaces, kernel };
}

function isVmspace(value: unknown): value is Vmspace {
  if (!hasNumbers(value, SPACE)) return false;
  const { mode, isCurrent, isComplete } = value;
  return MODES.includes(mode) && typeof isCurrent === "boolean" && typeof isComplete === "boolean";
}

function isMapped(value: unknown): value is NonNullable<Vmspaces["kernel"]> {
  return hasNumbers(value, MAPPED) && typeof value["isComplete"] === "boolean";
}

function hasNumbers(value: unknown, keys: readonly string[]): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  return keys.every((key) => typeof (value as Record<string, unknown>)[key] === "number");
}
