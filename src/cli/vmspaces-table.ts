/** The guest's address spaces as a table: for `vkrun vmspaces`, and of a checkpoint. */
import type { Vmspaces } from "../index.js";
import { textTable } from "./text-table.js";

/** KiB, as ps(1) and /proc have them. */
export function vmspacesTable({ spaces, kernel }: Vmspaces): string {
  const size = (bytes: number, isComplete: boolean): string => `${isComplete ? "" : ">"}${Math.round(bytes / 1024)}K`;
  const rows = spaces.map((space) => [
    `${space.isCurrent ? "*" : " "}0x${space.root.toString(16)}`,
    space.mode,
    String(space.asid),
    ...[space.mappedBytes, space.residentBytes, space.sharedBytes, space.proportionalBytes].map((bytes) =>
      size(bytes, space.isComplete),
    ),
    ...[space.accessedBytes, space.dirtyBytes, space.tableBytes].map((bytes) => size(bytes, space.isComplete)),
  ]);
  if (kernel !== undefined) {
    const { mappedBytes, residentBytes, accessedBytes, dirtyBytes, tableBytes, isComplete } = kernel;
    const [mapped, resident] = [mappedBytes, residentBytes].map((bytes) => size(bytes, isComplete));
    const rest = [accessedBytes, dirtyBytes, tableBytes].map((bytes) => size(bytes, isComplete));
    rows.push([" kernel", "", "", mapped ?? "", resident ?? "", "-", "-", ...rest]);
  }
  return textTable({
    head: [" ROOT", "MODE", "ASID", "MAPPED", "RESIDENT", "SHARED", "PSS", "ACCESSED", "DIRTY", "TABLES"],
    align: ["left", "left", "right", "right", "right", "right", "right", "right", "right", "right"],
    rows,
  });
}
