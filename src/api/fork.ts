/** `VKernel.fork`: what of a guest its children take over, and what each has for itself. */
import { basename } from "node:path";
import { VkrunError } from "../errors.js";
import type { CheckpointProgress } from "../machine/checkpoint-request.js";
import type { MachineConfig, NetworkConfig, PortConfig } from "../machine/machine-config.js";
import type { WorkerStart } from "../machine/protocol.js";
import type { BootOptions } from "./boot-options.js";
import type { NetworkOptions } from "./network-options.js";
import { networkOf, readConfig } from "./thaw-options.js";

export interface ForkOptions {
  /** What the children's names begin with. Default: the origin's name. */
  name?: string;
  /** Number of the first child. The children of NAME are NAME-1, NAME-2 and so on. Default: 1, or behind the last `fork`'s. */
  first?: number;
  /**
   * Where the other end of each child's network cable is. Without it: where that of their origin is, if that is not a place for one
   * guest alone, as a tap is. Ports of the host stay with the origin.
   */
  network?: NetworkOptions | ((child: { name: string; number: number }) => NetworkOptions);
  /** Throw away what the children write to disks that are not in the checkpoint. Default false: each has an overlay in a file. */
  snapshot?: boolean;
  /** Calls it off, while the memory is written. */
  signal?: AbortSignal;
  onProgress?: (progress: CheckpointProgress) => void;
  log?: BootOptions["log"];
}

/** As many as anybody can use. */
const CHILDREN_MAX = 10_000;
const EACH_ITS_OWN = "Say where the children's network cables end: each needs an end of its own, or the user network.";
/** Starting takes a processor each. */
const AT_ONCE = 4;

export async function resolveFork(
  path: string,
  count: number,
  options: ForkOptions,
): Promise<Pick<WorkerStart, "config" | "thaw">[]> {
  const { snapshot = false } = options;
  const configs = childConfigs(await readConfig(path), count, options);
  return configs.map((config) => ({
    config,
    thaw: { path, clock: "step", drives: {}, snapshot, temporary: true },
  }));
}

/** What each child is made of; throws for what there can be only one of. */
export function childConfigs(
  origin: MachineConfig,
  count: number,
  { name: stem = origin.name, first = 1, network }: ForkOptions,
): MachineConfig[] {
  if (!(Number.isInteger(count) && count >= 1 && count <= CHILDREN_MAX && Number.isSafeInteger(first) && first >= 1)) {
    throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `a vkernel cannot be forked into ${count} from number ${first} on`, {
      hint: `Ask for 1 to ${CHILDREN_MAX} children.`,
    });
  }
  // A child's inputs are its own.
  const { record: _, replay: __, ...shared } = origin;
  const configs = Array.from({ length: count }, (___, index): MachineConfig => {
    const number = first + index;
    const name = `${stem}-${number}`;
    const given = typeof network === "function" ? network({ name, number }) : network;
    const inherited = given === undefined ? { network: inheritedNetwork(origin.network) } : {};
    return {
      ...shared,
      name,
      ports: origin.ports.map((port) => childPort(port, number)),
      ...networkOf({ ...origin, ...inherited } as MachineConfig, given, { name, fork: true }),
      ...(origin.vsock && { vsock: { ...origin.vsock, path: `${origin.vsock.path}-${number}` } }),
    };
  });
  const cables = configs.map(({ network: own }) => own?.backend).filter((backend) => backend !== undefined);
  const names = cables.flatMap((backend) => ("name" in backend ? [`${backend.type} "${backend.name}"`] : []));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw clash(`the ${twice} is given to two of them`, EACH_ITS_OWN);
  return configs;
}

function inheritedNetwork(network: NetworkConfig | undefined): NetworkConfig | undefined {
  if (network === undefined) return undefined;
  const { pcap: _, ...shared } = network;
  const { backend } = network;
  switch (backend.type) {
    case "port":
      return shared;
    case "user":
      return { ...shared, backend: { ...backend, publish: [] } };
    case "tap":
    case "link":
      throw clash(`the ${backend.type} "${backend.name}" is the origin's`, EACH_ITS_OWN);
  }
}

function childPort(port: PortConfig, number: number): PortConfig {
  const { backend, name } = port;
  switch (backend.type) {
    case "stream":
      return port;
    case "tty":
      throw clash(
        `the port "${name}" is bound to the terminal ${basename(backend.path)}, which is the origin's`,
        "Bind it to a socket or a pseudoterminal: then each child has one, with its number behind the name.",
      );
    default:
      return { ...port, backend: { ...backend, path: `${backend.path}-${number}` } };
  }
}

function clash(what: string, hint: string): VkrunError {
  return new VkrunError("ERR_VKRUN_FORK_CLASH", `children cannot have what there is one of: ${what}`, { hint });
}

/** Some at a time; when one fails, those that were started end. */
export async function startAll<T extends AsyncDisposable>(starts: readonly (() => Promise<T>)[]): Promise<T[]> {
  const started: T[] = [];
  let next = 0;
  let failed = false;
  const work = async (): Promise<void> => {
    while (next < starts.length && !failed) {
      const index = next++;
      try {
        started[index] = await (starts[index] as () => Promise<T>)();
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
  const failure = workers.find((worker) => worker.status === "rejected");
  if (failure === undefined) return started;
  // What was not started left a hole.
  await Promise.allSettled(started.map((vkernel) => vkernel?.[Symbol.asyncDispose]()));
  throw failure.reason;
}
