/** What a machine is made of. Plain data: it crosses from the caller's thread to the vkernel's own. */

import type { CacheMode } from "../backends/host-file.js";
import type { ImageFormat } from "../backends/open-image.js";
import type { BalloonStats } from "../devices/virtio/balloon.js";
import type { VirtioCounters } from "../devices/virtio/virtio-device.js";
import { MemoryMap } from "../generated/shared/memory-map.js";

export type { BalloonStats, VirtioCounters };

import type { PortForward } from "../backends/port-forward.js";
import type { EmbeddedDisk } from "./disk-port.js";

export interface DriveConfig {
  /** An image or block device, or the URL of an image; empty for a disk of the embedder's. */
  readonly path: string;
  /** The disk's content is the embedder's. */
  readonly embedded?: EmbeddedDisk;
  /** Found out from the content if not given. */
  readonly format?: ImageFormat;
  readonly cache?: CacheMode;
  /** What the guest discards is given back to the host. */
  readonly discards: boolean;
  /** What the guest reads as the disk's serial number. */
  readonly serial?: string;
  /** Request queues. */
  readonly queues: number;
  /** The guest sees a disk that cannot be written. */
  readonly readOnly: boolean;
  /** The guest may write, but what it writes is kept in memory and thrown away at the end. */
  readonly snapshot: boolean;
}

/** Paths of the host. What is absent is looked for on the first drive. */
export interface BootSource {
  readonly kernel?: string;
  readonly initrd?: string;
  readonly append?: string;
  readonly dtb?: string;
  readonly firmware?: string;
  readonly elf?: string;
}

/** The port that the vkernel's console stream is bound to; what the guest writes to the other one goes to the log. */
export type ConsoleKind = "serial" | "virtio";

export interface ConsoleSize {
  readonly columns: number;
  readonly rows: number;
}

/** A port besides the console. */
export interface PortConfig {
  readonly name: string;
  /** The guest makes a terminal of it (hvc1 and on), not a plain device. */
  readonly isConsole: boolean;
  readonly backend: PortBackend;
}

/** What a port is bound to: a stream of the embedder's, or something at a path of the host. */
export type PortBackend =
  | { readonly type: "stream" }
  | { readonly type: "pty" | "tty" | "socket" | "file"; readonly path: string };
/** Where the guest's network cable ends. */
export type NetworkBackendConfig =
  /** With the embedder. */
  | { readonly type: "port" }
  | { readonly type: "user"; readonly publish: readonly PortForward[]; readonly optional: boolean }
  | { readonly type: "tap"; readonly name: string; readonly bridge?: string; readonly persistent: boolean }
  | { readonly type: "link"; readonly name: string };

export interface NetworkConfig {
  /** Six bytes, a unicast address. */
  readonly mac: Uint8Array;
  /** Undefined: what suits the backend. */
  readonly mtu?: number;
  /** A file that frames are written to, for tcpdump. */
  readonly pcap?: string;
  readonly backend: NetworkBackendConfig;
}

/**
 * Whose the files of a shared folder are: all root's in the guest and the vkernel's user's on the host ("squash"), whoever's the guest
 * says, in extended attributes ("map"), or the same user numbers' on both sides ("pass").
 */
export type ShareOwners = "squash" | "map" | "pass";

export interface ShareConfig {
  /** A folder of the host. */
  readonly path: string;
  /** What the guest mounts it by. */
  readonly tag: string;
  readonly readOnly: boolean;
  readonly owners: ShareOwners;
}

export interface VsockConfig {
  /** The guest's address. */
  readonly cid: number;
  /** The socket to connect to, and what those that the guest connects to begin with. */
  readonly path: string;
}

/**
 * Whether hot guest code is compiled to WebAssembly, or everything interpreted, or both at once and compared. The guest
 * cannot tell.
 */
export type JitMode = "on" | "off" | "verify";

/** Who walks page tables and virtqueues and keeps sets of pages: the core, or its TypeScript twins. The guest cannot tell. */
export type HotPath = "wasm" | "ts";

export interface MachineConfig {
  readonly hotPath: HotPath;
  readonly name: string;
  readonly jit: JitMode;
  /** Say at the end what compiled code was worth, and where time went. */
  readonly jitStats: boolean;
  /** Give compiled code names that V8 writes to a perf map. */
  readonly perfMap: boolean;
  /** A System.map or ELF file that has names for guest addresses. */
  readonly symbols?: string;
  /** A multiple of 64 KiB. */
  readonly ramBytes: number;
  readonly drives: readonly DriveConfig[];
  readonly boot: BootSource;
  readonly console: ConsoleKind;
  readonly consoleSize?: ConsoleSize;
  readonly ports: readonly PortConfig[];
  readonly network?: NetworkConfig;
  /** Bytes that a balloon is to leave the guest with at boot; undefined for a guest without one. */
  readonly memoryTarget: number | undefined;
  /** Virtio devices offer packed rings. */
  readonly packedRings: boolean;
  readonly shares: readonly ShareConfig[];
  /** Streams between the guest and sockets of the host. */
  readonly vsock?: VsockConfig;
  /** A guest that asks for a reboot ends the vkernel instead. */
  readonly noReboot: boolean;
  /** Every input is written to this file. */
  readonly record?: string;
  /** Inputs come from this file, and from nowhere else. */
  readonly replay?: string;
}

/** Ports besides the console, and how long their names can be. */
export { MAX_PORTS, PORT_NAME_MAX } from "../devices/virtio/console.js";

/** Why a vkernel ended. */
export type ExitReason =
  /** The guest switched itself off, or a bare-metal program ended. */
  | "poweroff"
  /** The guest asked for a reboot and `noReboot` was set. */
  | "reboot"
  /** The guest's kernel panicked, or reported a system failure. */
  | "panic"
  /** The host stopped it. */
  | "stopped"
  /** It was put into a checkpoint, with the option `exit`. */
  | "checkpointed"
  /** A replay came to the end of its recording. */
  | "replayed";

export interface Exit {
  readonly reason: ExitReason;
  /** What the guest wrote to the test finisher or to `tohost`; 0 when it said nothing. */
  readonly code: number;
  /** Instructions that the guest retired since its last reset. */
  readonly instructions: bigint;
  /** SHA-256 of guest RAM at the end, when the run was recorded or replayed. */
  readonly memoryHash?: string;
}

/** A piece of compiled guest code: what was reached from one address without leaving its page. */
export interface HotRegion {
  /** The guest's virtual address; the physical one where no other was known. */
  readonly address: bigint;
  readonly symbol?: string;
  readonly entries: bigint;
  readonly instructions: bigint;
  /** Sampled. */
  readonly ms: number;
}

/** What compiled code was worth, since the last reset. */
export interface JitStats {
  readonly regions: number;
  /** WebAssembly modules that regions came in, and their bytes. */
  readonly modules: number;
  readonly bytes: number;
  /** Host time until V8 had taken them. */
  readonly compileMs: number;
  /** How often all of it was dropped, for want of room. */
  readonly drops: number;
  readonly instructions: { readonly compiled: bigint; readonly interpreted: bigint };
  /** Of the vkernel's thread. The first six are sampled, the last three are measured. */
  readonly times: {
    readonly compiledMs: number;
    readonly interpreterMs: number;
    /** What either leaves to the rest of the core: translation, traps, system instructions, exact arithmetic. */
    readonly slowPathsMs: number;
    /** The core's compiler, and V8's work for it on this thread. */
    readonly compilerMs: number;
    readonly devicesMs: number;
    /** Between slices: the event loop, I/O, garbage collection. */
    readonly hostMs: number;
    readonly idleMs: number;
    /** Running the guest: the first five, about. */
    readonly runMs: number;
    readonly wallMs: number;
  };
  /** The regions that took the most time, most first. */
  readonly hottest: readonly HotRegion[];
}

/** Host I/O for a disk that failed. The guest was told that its request failed; the vkernel goes on. */
export interface DiskError {
  /** The guest's name of the disk, such as "vda". */
  readonly drive: string;
  readonly operation: "read" | "write" | "flush" | "discard" | "write-zeroes";
  /** Bytes on the disk. */
  readonly offset: number;
  readonly length: number;
  /** A VkrunError's code, or the system's, such as "ENOSPC". */
  readonly code: string;
  readonly message: string;
  /** Failures of this kind that were not told of since the last one that was. */
  readonly untold: number;
}

/** How a vkernel is doing. */
export interface Stats {
  /** Instructions retired since the last reset. */
  readonly instructions: bigint;
  /** Guest time since the last reset, in ticks of 100 ns. */
  readonly ticks: bigint;
  /** Milliseconds of host time spent running guest instructions, since the last reset. */
  readonly busyMs: number;
  /** Times the guest was reset. */
  readonly resets: number;
  /** Guest RAM in the host's physical memory; undefined without the addon. */
  readonly residentBytes: number | undefined;
  /** What has happened to each virtio device since the last reset, by the device's name. */
  readonly devices: Readonly<Record<string, VirtioCounters>>;
}

/** A guest's memory, as its balloon knows it. All in bytes. */
export interface MemoryStats {
  /** What the guest was booted with. */
  readonly bytes: number;
  /** What it is to be left with. */
  readonly target: number;
  /** What its balloon holds. */
  readonly balloon: number;
  /** What the guest's driver says; empty without one. */
  readonly guest: BalloonStats;
}

export type AddressSpaceMode = "sv39" | "sv48" | "sv57";

/** What page tables map, in bytes. */
interface MappedBytes {
  /** Whatever is behind it, and as often as it is mapped. */
  readonly mappedBytes: number;
  /** RAM, each page once. */
  readonly residentBytes: number;
  /** Of what is mapped, what was used, and what was written, as far as the guest has not cleared that. */
  readonly accessedBytes: number;
  readonly dirtyBytes: number;
  /** RAM that the page tables themselves take. */
  readonly tableBytes: number;
  /** False: the tables go on without end, or nearly, and counting was given up. */
  readonly isComplete: boolean;
}

/** An address space of the guest; for a Linux guest, a process. Only the user half of it, the lower one, is counted. */
export interface Vmspace extends MappedBytes {
  /** Guest-physical address of the root table. */
  readonly root: number;
  readonly mode: AddressSpaceMode;
  readonly asid: number;
  /** It is the one in satp. */
  readonly isCurrent: boolean;
  /** Resident in this one and in others. */
  readonly sharedBytes: number;
  /** Resident, a page that k address spaces have counted 1/k ("PSS"). */
  readonly proportionalBytes: number;
}

/** Last used first. */
export interface Vmspaces {
  readonly spaces: readonly Vmspace[];
  /** The upper half of the current address space, which a kernel has in all of them. Undefined before the guest has any. */
  readonly kernel: MappedBytes | undefined;
}

/** Limits that `ramBytes` must keep to. */
export const MemoryLimits = Object.freeze({
  /** A bare-metal program can do with less; nothing that boots can. */
  MIN: 16 * 2 ** 20,
  /** What fits a 32-bit linear memory behind the machine's own part; see assembly/layout.ts, RAM_MAX. */
  MAX: 3584 * 2 ** 20,
  DEFAULT: 512 * 2 ** 20,
});

/** virtio devices that fit, all kinds together. */
export const DEVICE_SLOTS: number = MemoryMap.VIRTIO_SLOTS;
