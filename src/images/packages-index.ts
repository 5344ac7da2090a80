/**
 * The archive's Packages index for one suite and architecture, read straight from a mirror. Used only to write a
 * lock file; a build reads no index.
 */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";
import { VkrunError } from "../errors.js";
import { paragraphs } from "./control-file.js";
import { compareVersions } from "./debian-version.js";
import { fetchWhole } from "./download.js";
import { xzDecompress } from "./host-tools.js";
import { parseRelations, type Relation, type RelationGroups } from "./package-relation.js";

export interface IndexedPackage {
  readonly package: string;
  readonly version: string;
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  readonly essential: boolean;
  readonly priority: string;
  readonly preDepends: RelationGroups;
  readonly depends: RelationGroups;
  readonly provides: readonly Relation[];
}

export interface PackagesIndex {
  readonly sha256: string;
  /** Whether it is the index that the suite's Release file names. */
  readonly signed: boolean;
  readonly packages: readonly IndexedPackage[];
}

export interface IndexLocation {
  readonly mirror: string;
  readonly suite: string;
  readonly component: string;
  readonly architecture: string;
}

/**
 * Fetches the index, by the hash that InRelease states for it where the mirror serves that (`by-hash`), else by
 * name. A mirror in the midst of an update can hold an index that its InRelease does not name yet; it is then
 * used with `signed: false`, for the caller to say so.
 */
export async function fetchPackagesIndex(location: IndexLocation, signal?: AbortSignal): Promise<PackagesIndex> {
  const { mirror, suite, component, architecture } = location;
  const dists = `${mirror}/dists/${suite}`;
  const folder = `${component}/binary-${architecture}`;
  const release = (await fetchWhole(`${dists}/InRelease`, signal))?.toString("utf8") ?? "";
  const hashes = releaseHashes(release);
  for (const suffix of [".xz", ".gz"]) {
    const name = `${folder}/Packages${suffix}`;
    const expected = hashes.get(name);
    const byHash = expected && (await fetchWhole(`${dists}/${folder}/by-hash/SHA256/${expected}`, signal));
    const compressed = byHash || (await fetchWhole(`${dists}/${name}`, signal));
    if (compressed === undefined) continue;
    const sha256 = createHash("sha256").update(compressed).digest("hex");
    const text = await decompress(compressed, suffix, signal);
    return { sha256, signed: sha256 === expected, packages: parsePackagesIndex(text) };
  }
  throw new VkrunError("ERR_VKRUN_MIRROR_UNREACHABLE", `${dists}/${folder} has no Packages index`, {
    hint: `The mirror does not carry ${suite} for ${architecture}: name another with --mirror URL.`,
  });
}

/** Path to SHA-256, of the Release file's `SHA256:` field. */
export function releaseHashes(release: string): Map<string, string> {
  const hashes = new Map<string, string>();
  for (const fields of paragraphs(release)) {
    for (const line of (fields.get("sha256") ?? "").split("\n")) {
      const [hash = "", , path] = line.trim().split(/\s+/);
      if (path !== undefined && /^[0-9a-f]{64}$/.test(hash)) hashes.set(path, hash);
    }
  }
  return hashes;
}

/** Of a package in several versions, the newest. Paragraphs that lack what a lock needs are left out. */
export function parsePackagesIndex(text: string): IndexedPackage[] {
  const newest = new Map<string, IndexedPackage>();
  for (const fields of paragraphs(text)) {
    const name = fields.get("package");
    const version = fields.get("version");
    const path = fields.get("filename");
    const sha256 = fields.get("sha256");
    const size = Number(fields.get("size"));
    if (!name || !version || !path || !sha256 || !Number.isSafeInteger(size)) continue;
    const present = newest.get(name);
    if (present !== undefined && compareVersions(present.version, version) >= 0) continue;
    newest.set(name, {
      package: name,
      version,
      path,
      size,
      sha256,
      essential: fields.get("essential") === "yes",
      priority: fields.get("priority") ?? "optional",
      preDepends: parseRelations(fields.get("pre-depends")),
      depends: parseRelations(fields.get("depends")),
      provides: parseRelations(fields.get("provides")).flat(),
    });
  }
  return [...newest.values()];
}

async function decompress(compressed: Buffer, suffix: string, signal?: AbortSignal): Promise<string> {
  if (suffix === ".gz") return gunzipSync(compressed).toString("utf8");
  const chunks: Buffer[] = [];
  for await (const chunk of xzDecompress(Readable.from([compressed]), signal)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
