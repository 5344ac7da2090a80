/**
 * What a checkpoint says of itself, for people and programs that look into it without going on from it. Whatever a file may say: what
 * makes no sense is left out.
 */
import { CheckpointFile } from "../checkpoint/checkpoint-file.js";
import { formatId } from "../checkpoint/checkpoint-id.js";
import type { CheckpointPart } from "../checkpoint/checkpoint-part.js";
import { type PlainValue, plain } from "../checkpoint/compare-state.js";
import type { Vmspaces } from "../machine/machine-config.js";
import { formatMac } from "./mac-address.js";
import { vmspacesOf } from "./saved-vmspaces.js";

/** One file of a chain. */
export interface CheckpointLink {
  readonly path: string;
  readonly id: string;
  /** ISO 8601. */
  readonly created: string;
  readonly compressed: boolean;
  /** The length of the file, and what it takes of the disk. */
  readonly fileBytes: number;
  readonly storedBytes: number;
  /** Pages of 4096 bytes that are in this file, and those that are zero since it. */
  readonly presentPages: number;
  readonly zeroPages: number;
}

export interface InspectedDevice {
  readonly name: string;
  /** Of a virtio device: its status register, the features that the driver took, and the queues that it set up. */
  readonly virtio?: { readonly status: number; readonly features: string; readonly queues: readonly number[] };
  readonly state: PlainValue;
}

export interface InspectedDisk {
  readonly name: string;
  /** "readonly", "memory" (what the guest wrote is in the checkpoint) or "overlay" (the image is immutable since). */
  readonly method: string;
  readonly size: number;
  /** What it stands on, the topmost file first. */
  readonly files: readonly { readonly path: string; readonly format: string }[];
  /** What the guest wrote, as far as it is in the checkpoint. */
  readonly savedBytes: number;
}

export interface InspectedNetwork {
  readonly mac: string;
  /** "port", "user", "tap" or "link". */
  readonly type: string;
  readonly backend: PlainValue;
}

export interface InspectedConsole {
  /** The port that the console is: "serial" or "virtio". */
  readonly port: string;
  readonly columns: number;
  readonly rows: number;
  /** Bytes that were typed and that the guest had not taken. */
  readonly waitingBytes: number;
}

export interface CheckpointInspection extends CheckpointLink {
  readonly name: string;
  /** The version of vkrun that wrote it, and of the format. */
  readonly vkrun: string;
  readonly format: number;
  readonly ramBytes: number;
  /** Pages of the guest's that are not zero, in all files together. */
  readonly pages: number;
  /** Base first, the file itself last. */
  readonly chain: readonly CheckpointLink[];
  readonly config: PlainValue;
  /** Instructions and time of the guest's since its last reset, and when that was. */
  readonly guest: { readonly instructions: number; readonly seconds: number; readonly pc: string };
  readonly hart: PlainValue;
  readonly console: InspectedConsole;
  readonly network: InspectedNetwork | undefined;
  readonly devices: readonly InspectedDevice[];
  readonly disks: readonly InspectedDisk[];
  /** Undefined where the guest had none yet. */
  readonly vmspaces: Vmspaces | undefined;
}

const TICKS_PER_SECOND = 1e7;
/** Of the place of a cluster, in the list of those that are in the checkpoint. */
const PLACE_BYTES = 4;

export async function inspectCheckpoint(path: string): Promise<CheckpointInspection> {
  await using file = await CheckpointFile.open(path);
  const { manifest } = file;
  const chain = await Promise.all(file.chain.map(linkOf));
  const config = mapOf(manifest.config);
  const hart = mapOf(mapOf(manifest.hart)["fields"]);
  const ticks = numberOf(mapOf(manifest.clock)["ticks"]);
  const vmspaces = vmspacesOf(manifest.vmspaces);
  return {
    ...(chain.at(-1) as CheckpointLink),
    ...{ name: manifest.name, vkrun: manifest.vkrun, format: manifest.format, ramBytes: file.ramBytes },
    ...{ pages: file.presentPages, chain, config: plain(manifest.config) },
    guest: {
      instructions: numberOf(hart["icount"]),
      seconds: ticks / TICKS_PER_SECOND,
      pc: `0x${wholeOf(hart["pc"]).toString(16)}`,
    },
    hart: plain(manifest.hart),
    console: consoleOf(config, mapOf(manifest.console)),
    network: networkOf(mapOf(config["network"])),
    devices: Object.entries(manifest.devices).map(([name, state]) => deviceOf(name, state)),
    disks: manifest.disks.map(diskOf),
    vmspaces,
  };
}

async function linkOf(part: CheckpointPart): Promise<CheckpointLink> {
  const { path, header, manifest, present, zero, bytes } = part;
  return {
    ...{ path, id: formatId(header.id), created: manifest.created, compressed: header.compressed },
    ...{ fileBytes: bytes, storedBytes: (await part.handle.stat()).blocks * 512 },
    ...{ presentPages: present.count(), zeroPages: zero.count() },
  };
}

function deviceOf(name: string, state: unknown): InspectedDevice {
  const { status, driverFeatures, queues } = mapOf(state);
  const described = { name, state: plain(state) };
  if (typeof status !== "number" || !Array.isArray(queues)) return described;
  const [low = 0n, high = 0n] = listOf(driverFeatures).map(wholeOf);
  const sizes = queues.map(mapOf).filter((queue) => queue["ready"] === true);
  return {
    ...described,
    virtio: {
      status,
      features: `0x${((high << 32n) | low).toString(16)}`,
      queues: sizes.map((queue) => numberOf(queue["num"])),
    },
  };
}

function diskOf(saved: unknown): InspectedDisk {
  const { name, method, size, files, clusters } = mapOf(saved);
  const { clusterBytes, places } = mapOf(clusters);
  const count = places instanceof Uint8Array ? places.length / PLACE_BYTES : 0;
  return {
    ...{ name: textOf(name), method: textOf(method), size: numberOf(size) },
    files: listOf(files).map((file) => {
      const { path, format } = mapOf(file);
      return { path: textOf(path), format: textOf(format) };
    }),
    savedBytes: count * numberOf(clusterBytes),
  };
}

function networkOf({ mac, backend }: Record<string, unknown>): InspectedNetwork | undefined {
  if (!(mac instanceof Uint8Array)) return undefined;
  return { mac: formatMac(mac), type: textOf(mapOf(backend)["type"]), backend: plain(backend) };
}

function consoleOf(config: Record<string, unknown>, { size, waiting }: Record<string, unknown>): InspectedConsole {
  const { columns, rows } = mapOf(size);
  const bytes = listOf(waiting).map((piece) => (piece instanceof Uint8Array ? piece.length : 0));
  return {
    port: textOf(config["console"]),
    ...{ columns: numberOf(columns), rows: numberOf(rows) },
    waitingBytes: bytes.reduce((sum, length) => sum + length, 0),
  };
}

function mapOf(value: unknown): Record<string, unknown> {
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
  return isMap ? (value as Record<string, unknown>) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function numberOf(value: unknown): number {
  return typeof value === "bigint" ? Number(value) : typeof value === "number" ? value : 0;
}

function wholeOf(value: unknown): bigint {
  return typeof value === "bigint" ? value : Number.isSafeInteger(value) ? BigInt(value as number) : 0n;
}
