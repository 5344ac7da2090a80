/** Package versions, deb-version(7): `[epoch:]upstream[-revision]`. */
import { compareVersions as compareParts } from "../boot/debian-version.js";

/** Negative, zero or positive, as `a` is before, the same as or after `b`. */
export function compareVersions(a: string, b: string): number {
  const left = split(a);
  const right = split(b);
  return (
    left.epoch - right.epoch ||
    compareParts(left.upstream, right.upstream) ||
    compareParts(left.revision, right.revision)
  );
}

export type VersionOperator = "<<" | "<=" | "=" | ">=" | ">>";

export function satisfies(version: string, operator: VersionOperator, bound: string): boolean {
  const order = compareVersions(version, bound);
  switch (operator) {
    case "<<":
      return order < 0;
    case "<=":
      return order <= 0;
    case "=":
      return order === 0;
    case ">=":
      return order >= 0;
    case ">>":
      return order > 0;
  }
}

function split(version: string): { epoch: number; upstream: string; revision: string } {
  const colon = version.indexOf(":");
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf("-");
  return {
    epoch: colon < 0 ? 0 : Number(version.slice(0, colon)),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    // "The absence of a revision is equal to a revision of 0."
    revision: dash < 0 ? "0" : rest.slice(dash + 1),
  };
}
