/**
 * The addon, and the only module that loads it. It is loaded on first use; where it was not built or cannot be
 * loaded, whatever plain Node can do still works, and what cannot says why (ERR_VKRUN_ADDON_MISSING).
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { VkrunError } from "./errors.js";

/** A name is bytes to Linux; neither form may hold a zero byte. */
type Path = string | Uint8Array;

/** The bytes to lock, and how. A length of 0 reaches to the end of the file. */
export interface LockedRange {
  readonly type: "read" | "write" | "none";
  readonly start: number;
  readonly length: number;
}

/** One system call family an entry; see native/*.cc. Failing calls throw Node's usual system errors, or reject with them. */
export interface NativeAddon {
  /** Closes what the addon opened. Node's own `close` warns of descriptors that it has not opened itself. */
  closeDescriptor(options: { fd: number }): void;
  /** Reads and writes fail with EAGAIN instead of waiting. */
  setNonBlocking(options: { fd: number }): void;
  /** Whether programs that this process starts are without the descriptor; answers what was so before. */
  setCloseOnExec(options: { fd: number; close: boolean }): boolean;
  /** Locks all of an open file without waiting; false when somebody else holds a lock that excludes this one. */
  lockFile(options: { fd: number; exclusive: boolean }): boolean;
  /** Reads what needs no waiting for a disk, from the beginning on: how many bytes, possibly none. */
  readNow(options: { fd: number; offset: number; buffers: readonly Uint8Array[] }): number;
  /** Writes on the calling thread, with `nowait` only what needs no waiting: how many bytes. */
  writeNow(options: { fd: number; offset: number; buffers: readonly Uint8Array[]; nowait: boolean }): number;
  /**
   * Reads on another thread, up to the end of the file: how many bytes. Where the file was opened with O_DIRECT, `offset` and
   * length are multiples of `alignment`; the bytes in memory need not be. Else it is 1.
   */
  readFile(options: FileTransfer): Promise<number>;
  /** Writes everything on another thread. */
  writeFile(options: FileTransfer): Promise<number>;
  /** fallocate(2), on another thread. */
  allocateFile(options: { fd: number; offset: number; length: number; mode: number }): Promise<void>;
  /** Of the host, in bytes. */
  readonly pageSize: number;
  /** Bytes of `bytes` (page-aligned) that are in physical memory. */
  residentBytes(options: { bytes: Uint8Array }): number;
  /** Gives the pages of `bytes` (page-aligned) back to the host; they read as zeroes afterwards. */
  discardMemory(options: { bytes: Uint8Array }): void;
  /** Puts a file behind `bytes` (page-aligned). What is written to them reaches the file with `shared` only. */
  mapFile(options: { bytes: Uint8Array; fd: number; offset: number; shared: boolean }): void;
  /** Ends `mapFile`: ordinary memory again, all zeroes. */
  mapAnonymous(options: { bytes: Uint8Array }): void;
  adviseMemory(options: { bytes: Uint8Array; advice: MemoryAdvice }): void;
  /** Gives what malloc keeps unused back to the host, on another thread; 1 when there was some. */
  trimHeap(options: Record<never, never>): Promise<number>;
  /** Answers a descriptor of a file of zeroes that is in memory only. */
  createMemfd(options: { name: string; length: number }): number;

  /** CRC-32C, going on from `crc` (0 at first). With `table` without the processor's instruction. */
  crc32c(options: { bytes: Uint8Array; crc: number; table: boolean }): number;
  /**
   * Writes those of `pages` guest pages from `first` on that `wanted` has (bit 0: page `first`) to `dataOffset` + page * 4096,
   * zero pages left out, on another thread; how many it wrote. The tables, which begin with page 0, are brought up to date.
   */
  writeGuestPages(
    options: GuestPages & {
      /** Begins with guest page `ramPage`. */
      ram: Uint8Array;
      ramPage: number;
      wanted: Uint8Array;
      presentOut: Uint8Array;
      zeroOut: Uint8Array;
      /** Four bytes a page, little-endian. */
      crcOut: Uint8Array;
    },
  ): Promise<number>;
  /** The same for pages that lie one after the other in `bytes`, whatever their numbers; the later of two of the same number counts. */
  writeGuestCopies(options: {
    fd: number;
    dataOffset: number;
    pages: Uint32Array;
    bytes: Uint8Array;
    presentOut: Uint8Array;
    zeroOut: Uint8Array;
    crcOut: Uint8Array;
  }): Promise<number>;
  /** Reads what `wanted` has (bit 0: page `first`); ENODATA when the file is too short. */
  readGuestPages(options: GuestPages & { ram: Uint8Array; ramPage: number; wanted: Uint8Array }): Promise<number>;
  /** Sets the bits of pages in the file whose CRC is not that of the table, or that are not zero but not `present`; how many. */
  checkGuestPages(options: GuestPages & { present: Uint8Array; crcs: Uint8Array; badOut: Uint8Array }): Promise<number>;
  /** How many zero bytes a range of a file begins with. */
  zeroesIn(options: { fd: number; offset: number; length: number }): Promise<number>;

  /** Attaches to a tap interface, or creates one. Reads and writes do not block and carry a virtio_net_hdr. */
  openTap(options: { name: string; multiQueue: boolean; headerLength: number }): { fd: number; name: string };
  /** What a reader of the tap can be given unfinished: TUN_F_* of linux/if_tun.h. */
  setTapOffloads(options: { fd: number; offloads: number }): void;
  setTapPersistent(options: { fd: number; persistent: boolean }): void;
  setTapOwner(options: { fd: number; owner: number }): void;
  /** Undefined when there is no interface of that name. */
  interfaceState(options: { name: string }): { up: boolean; mtu: number } | undefined;
  setInterfaceUp(options: { name: string }): void;
  setInterfaceMtu(options: { name: string; mtu: number }): void;
  addToBridge(options: { bridge: string; name: string }): void;

  /** The one's complement sum of words of 16 bits in the host's byte order (RFC 1071), a last odd byte being the first of one. */
  internetSum(options: { bytes: Uint8Array }): number;
  /**
   * Writes packets, one system call each, out of `memory`. `vectors` has for each packet a number of segments, and for each
   * segment an offset and a length. Answers how many did not have to wait; `results` has the bytes written, or an errno negated.
   */
  writePackets(options: {
    fd: number;
    memory: Uint8Array;
    vectors: Uint32Array;
    packets: number;
    results: Int32Array;
  }): number;
  /**
   * Reads packets of up to `maximum` bytes into buffers that `vectors` describes as above, each into one buffer, or with
   * `mergeable` into as many as it takes. Answers how many; `results` has their lengths.
   */
  readPackets(options: {
    fd: number;
    memory: Uint8Array;
    vectors: Uint32Array;
    buffers: number;
    maximum: number;
    mergeable: boolean;
    results: Int32Array;
  }): number;
  readonly DescriptorWatch: new (options: {
    fd: number;
    onReady: (readable: boolean, writable: boolean) => void;
  }) => DescriptorWatch;
  /** Connected UNIX stream sockets with buffers of `sendBuffer` bytes, or what the system allows; `ours` does not block. */
  openSocketPair(options: { sendBuffer: number }): { ours: number; theirs: number };
  /** `ring` is anybody's memory that stays where it is. */
  readonly ReadAhead: new (options: {
    fd: number;
    ring: Uint8Array;
    onReady: () => void;
  }) => ReadAhead;

  /** A pair of pseudoterminals: two descriptors, and the slave's name for others to open. */
  openPty(options: { columns: number; rows: number }): { master: number; slave: number; path: string };
  /** Answers the settings that were in force, for `restoreMode`. */
  setRawMode(options: { fd: number }): Uint8Array;
  restoreMode(options: { fd: number; mode: Uint8Array }): void;
  windowSize(options: { fd: number }): { columns: number; rows: number };
  setWindowSize(options: { fd: number; columns: number; rows: number }): void;

  /** openat(2), or openat2(2) when `resolve` is not 0. `status` gets the 256 bytes of statx(2). */
  openAt(options: {
    fd: number;
    path: Path;
    flags: number;
    mode: number;
    resolve: number;
    status?: Uint8Array;
  }): Promise<number>;
  /** statx(2) of an open file into 256 bytes. */
  statusOf(options: { fd: number; status: Uint8Array }): Promise<number>;
  makeDirectoryAt(options: { fd: number; path: Path; mode: number }): Promise<number>;
  makeNodeAt(options: { fd: number; path: Path; mode: number; device: number }): Promise<number>;
  symlinkAt(options: { target: Path; fd: number; path: Path }): Promise<number>;
  /** What a symbolic link says that is itself open with O_PATH; answers the length. */
  readLinkOf(options: { fd: number; into: Uint8Array }): Promise<number>;
  linkAt(options: { oldFd: number; oldPath: Path; newFd: number; newPath: Path; flags: number }): Promise<number>;
  renameAt(options: { oldFd: number; oldPath: Path; newFd: number; newPath: Path }): Promise<number>;
  unlinkAt(options: { fd: number; path: Path; flags: number }): Promise<number>;
  /** 0xffffffff leaves an id as it is. */
  changeOwnerOf(options: { fd: number; uid: number; gid: number }): Promise<number>;
  /** utimensat(2) with a struct timespec[2] in 32 bytes. */
  changeTimes(options: { path: Path; times: Uint8Array }): Promise<number>;
  /** getdents64(2) from a place that an earlier entry named; answers the length. */
  readDirectory(options: { fd: number; offset: bigint; into: Uint8Array }): Promise<number>;

  /** getxattr(2); answers the length, which with an empty `into` is what there would be. */
  getAttribute(options: { path: Path; name: Path; into: Uint8Array }): Promise<number>;
  listAttributes(options: { path: Path; into: Uint8Array }): Promise<number>;
  setAttribute(options: { path: Path; name: Path; value: Uint8Array; flags: number }): Promise<number>;
  removeAttribute(options: { path: Path; name: Path }): Promise<number>;

  /** Locks a range for the open file description, without waiting; false when somebody else's lock excludes it. */
  lockRange(options: LockedRange & { fd: number }): boolean;
  /** A lock that is in the way of this one, or null. */
  testLock(options: LockedRange & { fd: number }): LockedRange | null;
}

export type MemoryAdvice =
  | "normal"
  | "random"
  | "sequential"
  | "willneed"
  | "hugepage"
  | "nohugepage"
  | "mergeable"
  | "dontfork";

/** Waits for a descriptor in the calling thread's event loop, which it does not keep alive. */
export interface DescriptorWatch {
  /** Has `onReady` called once, when one of these holds. Arming again replaces what was armed before. */
  arm(options: { readable: boolean; writable: boolean }): void;
  close(): void;
}

/** Reads a descriptor on a thread of its own, into a ring, whatever the calling thread does. It keeps no event loop alive. */
export interface ReadAhead {
  /** Bytes that the ring holds and that were not consumed; -1 when there are none and never will be. */
  available(): number;
  /** The first `bytes` are done with: their place is read into again. */
  consume(options: { bytes: number }): void;
  /** Has `onReady` called once, when so many bytes are available or there will be no more. */
  arm(options: { bytes: number }): void;
  /** Ends the thread. The descriptor stays open. */
  close(): void;
}

/** Pages of 4096 bytes of a guest's RAM, and where the file has the one with number 0. */
interface GuestPages {
  readonly fd: number;
  readonly dataOffset: number;
  readonly first: number;
  readonly pages: number;
}

export interface FileTransfer {
  readonly fd: number;
  readonly offset: number;
  readonly buffers: readonly Uint8Array[];
  readonly alignment: number;
}

type Loaded = { addon: NativeAddon; error?: undefined } | { addon?: undefined; error: VkrunError };

/** From src/native.ts as from dist/native.js. */
const PACKAGE_ROOT = fileURLToPath(new URL("..", import.meta.url));

let loaded: Loaded | undefined;

function load(): Loaded {
  try {
    const require = createRequire(import.meta.url);
    const nodeGypBuild = require("node-gyp-build") as (directory: string) => NativeAddon;
    return { addon: nodeGypBuild(PACKAGE_ROOT) };
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split("\n", 1)[0] ?? "") : String(cause);
    return {
      error: new VkrunError("ERR_VKRUN_ADDON_MISSING", `vkrun's native addon cannot be loaded: ${why}`, {
        hint: "Build it with `npm rebuild vkrun` (needs python3, make and g++), or with `./build.sh build` in a checkout.",
        cause,
      }),
    };
  }
}

/** The addon; throws ERR_VKRUN_ADDON_MISSING where it is not to be had. */
export function native(): NativeAddon {
  loaded ??= load();
  if (loaded.error !== undefined) throw loaded.error;
  return loaded.addon;
}

/** Why there is no addon, or undefined when there is one. For those who can do without it but should say so. */
export function nativeUnavailable(): VkrunError | undefined {
  loaded ??= load();
  return loaded.error;
}
