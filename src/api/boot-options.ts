/** The options of `VKernel.boot`, and what they mean for the machine. */
import { resolve } from "node:path";
import { VkrunError } from "../errors.js";
import {
  type BootSource,
  type ConsoleKind,
  type ConsoleSize,
  type HotPath,
  type JitMode,
  type MachineConfig,
  MemoryLimits,
} from "../machine/machine-config.js";
import type { LogLevel } from "../machine/protocol.js";
import { requireSlots } from "./device-slots.js";
import { type BackendDriveOptions, type DriveOptions, resolveDrives } from "./drive-options.js";
import { resolveExecution } from "./execution-options.js";
import { parseMemorySize, parseMemoryTarget } from "./memory-size.js";
import { type NetworkOptions, resolveNetwork } from "./network-options.js";
import { type PortOptions, resolvePorts } from "./port-options.js";
import { resolveShare, type ShareOptions } from "./share-options.js";
import { resolveVsock, type VsockOptions } from "./vsock-port.js";

/** Something worth writing down: from the boot loader, a device, or the console port that nobody reads. */
export interface LogRecord {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Paths are the host's, relative to the current directory. */
export interface BootOptions {
  /** The disk to boot from: the first drive, vda. */
  disk?: string;
  /** Further drives (vdb and on, or from vda on without `disk`). */
  drives?: readonly (string | DriveOptions | BackendDriveOptions)[];
  /** Bytes, or text such as "512M". Default 512 MiB. */
  memory?: number | string;
  /** A kernel to start instead of the one on the disk: an Image (raw, gzip, zstd, EFI stub) or ELF. */
  kernel?: string;
  /** An initial RAM disk for `kernel`. */
  initrd?: string;
  /** Added to the disk's kernel command line; all of it with `kernel`. */
  append?: string;
  /** A device tree to give the guest instead of the generated one. */
  dtb?: string;
  /** Firmware (OpenSBI, U-Boot) to start in M mode instead of the built-in SBI. */
  firmware?: string;
  /** A bare-metal program to start in M mode. */
  elf?: string;
  /** Leave the drives unchanged: what the guest writes is kept in memory and thrown away. Default false. */
  snapshot?: boolean;
  /** For messages and logs. Default "vkernel". */
  name?: string;
  /** What `VKernel.console` is connected to: the guest's ttyS0 or its hvc0. Default "serial". */
  console?: ConsoleKind;
  /**
   * Whether hot guest code is compiled ("on", the default), everything interpreted ("off"), or both done and compared
   * ("verify": slow, and with three times the memory). The guest cannot tell.
   */
  jit?: JitMode;
  /** Emit "jit-stats" before the vkernel ends: what compiled code was worth, and where time went. Costs a little speed. Default false. */
  jitStats?: boolean;
  /** A System.map or ELF file with names for guest addresses, for `jitStats` and `perfMap`. */
  symbols?: string;
  /**
   * Name compiled guest code, for the map that V8 writes to /tmp/perf-PID.map when Node runs with --perf-basic-prof.
   * Default false.
   */
  perfMap?: boolean;
  /** Window size that the virtio console reports. */
  consoleSize?: ConsoleSize;
  /** Up to six ports besides the console, by virtio. */
  ports?: readonly PortOptions[];
  /**
   * Give the guest a network device. With `true` or without a `type` its cable ends in `VKernel.network`; otherwise in the
   * host's network ("user"), a tap interface ("tap"), or another vkernel ("link"). Default false.
   */
  network?: boolean | NetworkOptions;
  /**
   * A balloon gives memory that the guest does not use back to the host, and takes some from it when `setMemoryTarget` says
   * so. Default true.
   */
  balloon?: boolean;
  /** What a balloon is to leave the guest with from the start: bytes, or text such as "512M". Default: all of `memory`. */
  memoryTarget?: number | string;
  /**
   * Who walks page tables and virtqueues: the WebAssembly core, or its TypeScript twin over the same memory, for comparison. The
   * guest cannot tell. Default "wasm".
   */
  hotPath?: HotPath;
  /** Offer packed rings to the guest's virtio drivers, instead of split ones alone. Default false. */
  packedRings?: boolean;
  /** Folders of the host that the guest can mount with 9p. Needs the native addon. */
  shares?: readonly ShareOptions[];
  /** Streams between programs in the guest and on the host: `VKernel.vsock`, and UNIX sockets. Default false. */
  vsock?: boolean | VsockOptions;
  /** End when the guest reboots, instead of resetting the machine. Default false. */
  noReboot?: boolean;
  /** Record every input to this file, so that `replay` can run the same again. */
  record?: string;
  /** Run a recording: nothing else enters the guest, and its drives stay as they are. What is written to the console is ignored. */
  replay?: string;
  /** Hears of everything worth writing down, from before the boot on. */
  log?: (record: LogRecord) => void;
}

const BOOT_PATHS = ["kernel", "initrd", "dtb", "firmware", "elf"] as const;

/** Checks what can be checked before anything is opened. */
export function resolveOptions(options: BootOptions): MachineConfig {
  const drives = resolveDrives(options);
  const boot: { -readonly [Key in keyof BootSource]: BootSource[Key] } = {};
  for (const key of BOOT_PATHS) {
    const path = options[key];
    if (path !== undefined) boot[key] = resolve(path);
  }
  if (options.append !== undefined) boot.append = options.append;
  if (options.record !== undefined && options.replay !== undefined) {
    throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", "a run is either recorded or replayed, not both");
  }
  const { consoleSize, console = "serial" } = options;
  if (console !== "serial" && console !== "virtio") {
    throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `there is no console "${String(console)}"`, {
      hint: 'Use "serial" (ttyS0) or "virtio" (hvc0).',
    });
  }
  const { jit, hotPath } = resolveExecution(options, { jit: "on", hotPath: "wasm" });
  const { name = "vkernel" } = options;
  const network = resolveNetwork(options.network, name);
  const vsock = resolveVsock(options.vsock);
  const ramBytes = parseMemorySize(options.memory ?? MemoryLimits.DEFAULT);
  const config = {
    jit,
    name,
    ramBytes,
    memoryTarget: resolveMemoryTarget(options, ramBytes),
    drives,
    boot,
    console,
    jitStats: options.jitStats ?? false,
    perfMap: options.perfMap ?? false,
    ...(options.symbols !== undefined && { symbols: resolve(options.symbols) }),
    packedRings: options.packedRings ?? false,
    hotPath,
    ports: resolvePorts(options.ports ?? []),
    noReboot: options.noReboot ?? false,
    ...(consoleSize !== undefined && { consoleSize: { columns: consoleSize.columns, rows: consoleSize.rows } }),
    ...(network !== undefined && { network }),
    shares: (options.shares ?? []).map(resolveShare),
    ...(vsock !== undefined && { vsock }),
    ...(options.record !== undefined && { record: resolve(options.record) }),
    ...(options.replay !== undefined && { replay: resolve(options.replay) }),
  };
  requireSlots(config);
  return config;
}

function resolveMemoryTarget({ balloon = true, memoryTarget }: BootOptions, ramBytes: number): number | undefined {
  if (balloon) return memoryTarget === undefined ? ramBytes : parseMemoryTarget(memoryTarget, ramBytes);
  if (memoryTarget === undefined) return undefined;
  throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", "a guest without a balloon cannot have a memory target");
}
