/** The options of `VKernel.thaw`, and what they change of the machine that a checkpoint holds. */
import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { CheckpointPart } from "../checkpoint/checkpoint-part.js";
import { VkrunError } from "../errors.js";
import {
  type ConsoleSize,
  type HotPath,
  type JitMode,
  type MachineConfig,
  MemoryLimits,
  type VsockConfig,
} from "../machine/machine-config.js";
import type { ClockPolicy, ThawStart } from "../machine/protocol.js";
import type { BootOptions } from "./boot-options.js";
import { resolveExecution } from "./execution-options.js";
import { randomMac } from "./mac-address.js";
import { type NetworkOptions, resolveNetwork } from "./network-options.js";
import { resolveVsock, type VsockOptions } from "./vsock-port.js";

/** What is not said is as it was. */
export interface ThawOptions {
  /** The guest's time has passed meanwhile ("step", the default), or it goes on where it was ("keep"). */
  clock?: ClockPolicy;
  /** For messages and logs. */
  name?: string;
  /**
   * The guest is another one than that of the checkpoint, which may go on beside it: it has a new name and a new network address unless
   * they are given, and no other checkpoint builds on what it comes from. Default false.
   */
  fork?: boolean;
  /** Leave disks unchanged that are not in the checkpoint: throw away what the guest writes. Default false. */
  snapshot?: boolean;
  /** Where disks are now that were moved: the topmost file of each, by its number from 0 on; undefined for one that is where it was. */
  drives?: readonly (string | undefined)[];
  /** Where the other end of the network cable is. It has to be of the same kind, or able to do what the guest uses. */
  network?: NetworkOptions;
  vsock?: VsockOptions;
  consoleSize?: ConsoleSize;
  jit?: JitMode;
  hotPath?: HotPath;
  jitStats?: boolean;
  symbols?: string;
  noReboot?: boolean;
  /** Record every input from here on; a replay thaws the same checkpoint. */
  record?: string;
  /** Run a recording that begins with this checkpoint, or during which it was made. */
  replay?: string;
  log?: BootOptions["log"];
}

const WASM_PAGE = 0x1_0000;
/** Of what tells the name of a fork from its origin's. */
const FORK_BYTES = 3;

/** Reads what a checkpoint says of its machine. */
export async function resolveThaw(
  path: string,
  options: ThawOptions,
): Promise<{ config: MachineConfig; thaw: ThawStart }> {
  if (options.record !== undefined && options.replay !== undefined) {
    throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", "a run is either recorded or replayed, not both");
  }
  const { clock = "step" } = options;
  if (clock !== "step" && clock !== "keep") {
    throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `the clock cannot be "${String(clock)}"`, {
      hint: 'Use "step" or "keep".',
    });
  }
  const saved = await readConfig(path);
  const { fork = false, snapshot = false } = options;
  const name = options.name ?? (fork ? `${saved.name}-${randomBytes(FORK_BYTES).toString("hex")}` : saved.name);
  const config: MachineConfig = {
    ...saved,
    name,
    ...networkOf(saved, options.network, { name, fork }),
    ...(saved.vsock !== undefined && vsockOf(saved.vsock, options.vsock)),
    ...(options.consoleSize !== undefined && { consoleSize: options.consoleSize }),
    ...resolveExecution(options, saved),
    jitStats: options.jitStats ?? false,
    ...(options.symbols !== undefined && { symbols: resolve(options.symbols) }),
    ...(options.noReboot !== undefined && { noReboot: options.noReboot }),
    ...(options.record !== undefined && { record: resolve(options.record) }),
    ...(options.replay !== undefined && { replay: resolve(options.replay) }),
  };
  const drives: Record<number, string> = {};
  for (const [index, drive] of (options.drives ?? []).entries())
    if (drive !== undefined) drives[index] = resolve(drive);
  return { config, thaw: { path: resolve(path), clock, drives, snapshot, temporary: false } };
}

/** What the machine of a checkpoint is made of. */
export async function readConfig(path: string): Promise<MachineConfig> {
  // Whether its parents are there is seen by the thread that goes on from them.
  await using file = await CheckpointPart.open(path);
  return savedConfig(file.path, file.manifest.config, file.ramBytes);
}

/** The guest knows its device by the address that it had; another one is for the next time that its driver starts. */
export function networkOf(
  { network: saved }: MachineConfig,
  options: NetworkOptions | undefined,
  { name, fork }: { name: string; fork: boolean },
): Pick<MachineConfig, "network"> {
  const network = options === undefined ? saved : resolveNetwork(options, name);
  if (network === undefined) return {};
  if (saved === undefined) {
    throw new VkrunError("ERR_VKRUN_CHECKPOINT_DEVICE", "the guest of the checkpoint has no network device");
  }
  const given = options?.mac !== undefined;
  return { network: { ...network, mac: fork ? (given ? network.mac : randomMac()) : saved.mac } };
}

/** A path that was made up is made up anew: the vkernel of the checkpoint may still be there. */
function vsockOf({ cid }: VsockConfig, options: VsockOptions | undefined): Pick<MachineConfig, "vsock"> {
  const vsock = resolveVsock({ cid, ...options });
  return vsock === undefined ? {} : { vsock };
}

/** What nobody has typed may be anything. */
function savedConfig(path: string, config: unknown, ramBytes: number): MachineConfig {
  const saved = config as Partial<MachineConfig> | null | undefined;
  const lists = [saved?.drives, saved?.ports, saved?.shares];
  const fits = ramBytes % WASM_PAGE === 0 && ramBytes <= MemoryLimits.MAX && saved?.ramBytes === ramBytes;
  const strings = [saved?.name, saved?.console, saved?.jit];
  if (fits && lists.every(Array.isArray) && strings.every((text) => typeof text === "string")) {
    return saved as MachineConfig;
  }
  throw new VkrunError("ERR_VKRUN_CHECKPOINT_INVALID", `${path} describes no machine that this vkrun can build`, {
    hint: "It is damaged, or was made by an incompatible version of vkrun.",
  });
}
