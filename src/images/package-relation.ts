/** Relations between packages: the Depends, Pre-Depends and Provides fields of deb-control(5). */
import { satisfies, type VersionOperator } from "./debian-version.js";

/** `name[:arch] [(operator version)]`. */
export interface Relation {
  readonly name: string;
  readonly operator?: VersionOperator;
  readonly version?: string;
}

/** A list of groups, each of which wants any one of its alternatives. */
export type RelationGroups = readonly (readonly Relation[])[];

/**
 * Parses a relation field. Architecture qualifiers (`:any`, `:native`) are dropped: an image has packages of
 * one architecture only. Restriction lists (`[amd64]`, `<!nocheck>`) exist only in source packages.
 */
export function parseRelations(field: string | undefined): RelationGroups {
  if (field === undefined) return [];
  return field
    .split(",")
    .map((group) => group.split("|").flatMap(parseRelation))
    .filter((group) => group.length > 0);
}

function parseRelation(text: string): Relation[] {
  const match = /^\s*([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)?\s*(?:\(\s*(<<|<=|=|>=|>>)\s*([^\s)]+)\s*\))?\s*$/.exec(
    text,
  );
  if (!match) return [];
  const [, name = "", operator, version] = match;
  if (operator === undefined || version === undefined) return [{ name }];
  return [{ name, operator: operator as VersionOperator, version }];
}

/** Whether a package (or a versioned Provides) of that version meets `relation`, whose name already matches. */
export function meets(relation: Relation, version: string | undefined): boolean {
  if (relation.operator === undefined || relation.version === undefined) return true;
  // Debian Policy 7.5: an unversioned Provides meets no versioned dependency.
  return version !== undefined && satisfies(version, relation.operator, relation.version);
}
