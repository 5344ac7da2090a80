/** The manifest: what a checkpoint holds besides pages, in keyed sections. docs/checkpoint-format.md, "Manifest". */
import { decodeCbor, encodeCbor } from "./cbor.js";
import { damaged, unsupported } from "./checkpoint-error.js";
import { ID_BYTES } from "./checkpoint-id.js";
import { crc32c } from "./crc32c.js";

/**
 * Every section that this program knows, and its version. A section of another name is refused, as is one of another version; but
 * one whose name begins with "x-" may be left aside by who does not know it.
 */
const SECTION_VERSIONS: ReadonlyMap<string, number> = new Map([
  ["about", 1],
  ["parent", 1],
  ["regions", 1],
  ["config", 1],
  ["hart", 1],
  ["clock", 1],
  ["console", 1],
  ["disks", 1],
  ["entropy", 1],
  ["vmspaces", 1],
]);
/** Before the name of a device, whose state is a section of its own. What it holds has the device's own version. */
const DEVICE_PREFIX = "device:";
const DEVICE_VERSION = 1;
const OPTIONAL_PREFIX = "x-";

/** The state of a vkernel, as the machine gives it and gets it back. The file format knows no more of these than that they are CBOR. */
export interface ManifestContents {
  /** Of the vkernel. */
  readonly name: string;
  /** When, as in Date.prototype.toISOString. */
  readonly created: string;
  /** The version of vkrun that wrote it. */
  readonly vkrun: string;
  readonly config: unknown;
  readonly hart: unknown;
  readonly clock: unknown;
  readonly devices: Readonly<Record<string, unknown>>;
  readonly console: unknown;
  readonly disks: readonly unknown[];
  readonly entropy: unknown;
  /** The guest's address spaces, as they were found around the instant of the checkpoint: for whoever inspects it. */
  readonly vmspaces: Readonly<Record<string, unknown>>;
  readonly [extra: `x-${string}`]: unknown;
}

export interface ParentReference {
  readonly id: Uint8Array;
  /** Relative to the folder of the file that names it, or absolute. */
  readonly path: string;
}

export interface Manifest extends ManifestContents {
  readonly format: number;
  readonly id: Uint8Array;
  readonly parent: ParentReference | undefined;
  readonly ramBytes: number;
}

/** A part of the file that holds bytes of anyone's; see CheckpointWriter.addRegion. */
export interface Region {
  readonly offset: number;
  readonly length: number;
  /** A CRC-32C for each REGION_BLOCK bytes, little-endian. */
  readonly crcs: Uint8Array;
}

/** What a region has one checksum for. */
export const REGION_BLOCK = 65536;

interface Section {
  readonly version: number;
  readonly data: Uint8Array;
  readonly intact: boolean;
}

export function encodeManifest(
  contents: ManifestContents,
  parent: ParentReference | undefined,
  regions: ReadonlyMap<string, Region>,
): Uint8Array {
  const { name, created, vkrun, devices, ...rest } = contents;
  const values = new Map<string, unknown>([["about", { name, created, vkrun }]]);
  if (parent !== undefined) values.set("parent", parent);
  if (regions.size > 0) values.set("regions", Object.fromEntries(regions));
  for (const [key, value] of Object.entries(rest)) if (value !== undefined) values.set(key, value);
  for (const [key, value] of Object.entries(devices)) values.set(DEVICE_PREFIX + key, value);
  const sections: Record<string, readonly [number, number, Uint8Array]> = {};
  for (const [key, value] of values) {
    const version = versionOf(key);
    if (version === undefined) throw new TypeError(`a manifest has no section "${key}"`);
    const data = encodeCbor(value);
    sections[key] = [version, crc32c(data), data];
  }
  return encodeCbor(sections);
}

/** Undefined for a section that this program does not know. */
function versionOf(section: string): number | undefined {
  if (section.startsWith(DEVICE_PREFIX)) return DEVICE_VERSION;
  if (section.startsWith(OPTIONAL_PREFIX)) return 1;
  return SECTION_VERSIONS.get(section);
}

/** The sections of a manifest, those that are damaged too. Undefined when not even their names can be read. */
export function readSections(bytes: Uint8Array): ReadonlyMap<string, Section> | undefined {
  let value: unknown;
  try {
    value = decodeCbor(bytes);
  } catch {
    return undefined;
  }
  if (!isMap(value)) return undefined;
  const sections = new Map<string, Section>();
  for (const [key, entry] of Object.entries(value)) {
    if (!Array.isArray(entry) || entry.length !== 3) return undefined;
    const [version, crc, data] = entry as readonly unknown[];
    if (typeof version !== "number" || typeof crc !== "number" || !(data instanceof Uint8Array)) return undefined;
    sections.set(key, { version, data, intact: crc32c(data) === crc });
  }
  return sections;
}

interface DecodedManifest {
  readonly contents: ManifestContents;
  readonly parent: ParentReference | undefined;
  readonly regions: ReadonlyMap<string, Region>;
}

/** Throws for everything that is damaged or unknown, by its name. `crc` is what the whole should have. */
export function decodeManifest(path: string, bytes: Uint8Array, crc: number): DecodedManifest {
  const sections = readSections(bytes);
  const broken = sections === undefined ? [] : [...sections].filter(([, { intact }]) => !intact).map(([key]) => key);
  if (broken.length > 0) throw damaged(path, `its manifest, in ${broken.map((key) => `section "${key}"`).join(", ")}`);
  if (crc32c(bytes) !== crc) throw damaged(path, "its manifest does not fit its checksum");
  if (sections === undefined) throw damaged(path, "its manifest cannot be decoded");

  const values = new Map<string, unknown>();
  const devices: Record<string, unknown> = {};
  for (const [key, { version, data }] of sections) {
    const known = versionOf(key);
    if (known === undefined) throw unsupported(path, `an unknown section "${key}"`);
    if (version !== known) {
      if (key.startsWith(OPTIONAL_PREFIX)) continue;
      throw unsupported(path, `a section "${key}" of version ${version}, of which version ${known} is known`);
    }
    const value = decodeSection(path, key, data);
    if (key.startsWith(DEVICE_PREFIX)) devices[key.slice(DEVICE_PREFIX.length)] = value;
    else values.set(key, value);
  }
  return assemble(path, values, devices);
}

function decodeSection(path: string, key: string, data: Uint8Array): unknown {
  try {
    return decodeCbor(data);
  } catch (cause) {
    throw damaged(path, `section "${key}" of its manifest cannot be decoded`, cause);
  }
}

function assemble(
  path: string,
  values: Map<string, unknown>,
  devices: Readonly<Record<string, unknown>>,
): DecodedManifest {
  const take = (key: string): unknown => {
    const value = values.get(key);
    values.delete(key);
    return value;
  };
  const about = take("about");
  if (!isMap(about)) throw wrong(path, "about");
  const { name, created, vkrun } = about;
  if (typeof name !== "string" || typeof created !== "string" || typeof vkrun !== "string") throw wrong(path, "about");
  const parent = parentOf(path, take("parent"));
  const regions = regionsOf(path, take("regions"));
  const { disks, vmspaces } = { disks: take("disks"), vmspaces: take("vmspaces") };
  if (!Array.isArray(disks)) throw wrong(path, "disks");
  if (!isMap(vmspaces)) throw wrong(path, "vmspaces");
  const { config, hart, clock, console, entropy } = Object.fromEntries(
    ["config", "hart", "clock", "console", "entropy"].map((key) => [key, take(key)]),
  );
  const extra = Object.fromEntries(values) as Record<`x-${string}`, unknown>;
  const contents = { ...extra, name, created, vkrun, config, hart, clock, devices, console, disks, entropy, vmspaces };
  return { contents, parent, regions };
}

function parentOf(path: string, value: unknown): ParentReference | undefined {
  if (value === undefined) return undefined;
  if (!isMap(value) || !(value["id"] instanceof Uint8Array) || value["id"].length !== ID_BYTES) {
    throw wrong(path, "parent");
  }
  // The kernel takes a path as text that ends with a zero byte.
  if (typeof value["path"] !== "string" || value["path"].includes("\0")) throw wrong(path, "parent");
  return { id: value["id"], path: value["path"] };
}

function regionsOf(path: string, value: unknown): ReadonlyMap<string, Region> {
  if (value === undefined) return new Map();
  if (!isMap(value)) throw wrong(path, "regions");
  const regions = new Map<string, Region>();
  for (const [name, region] of Object.entries(value)) {
    if (!isMap(region)) throw wrong(path, "regions");
    const { offset, length, crcs } = region;
    if (typeof offset !== "number" || typeof length !== "number" || !(crcs instanceof Uint8Array)) {
      throw wrong(path, "regions");
    }
    const sane = offset >= 0 && length >= 0 && Number.isSafeInteger(offset + length);
    if (!sane || crcs.length !== Math.ceil(length / REGION_BLOCK) * 4) throw wrong(path, "regions");
    regions.set(name, { offset, length, crcs });
  }
  return regions;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function wrong(path: string, section: string): Error {
  return damaged(path, `section "${section}" of its manifest does not hold what it should`);
}
