/**
 * A tap interface of the host (Linux, Documentation/networking/tuntap): packets go straight between its queue and guest
 * memory, unfinished checksums and long segments included, for the host's own network stack is the other end.
 */
import { userInfo } from "node:os";
import { VkrunError } from "../errors.js";
import { type DescriptorWatch, native } from "../native.js";
import type { ReceiveLimits } from "./net-backend.js";
import { type NetBackend, type NetCapabilities, type NetEvents, type NetOffloads, NO_OFFLOADS } from "./net-backend.js";
import { NetHeader } from "./net-header.js";
import type { PacketVectors } from "./packet-vectors.js";

/** TUN_F_* of linux/if_tun.h. */
const TapOffload = Object.freeze({ CSUM: 0x01, TSO4: 0x02, TSO6: 0x04, TSO_ECN: 0x08, UFO: 0x10, USO: 0x20 | 0x40 });

export interface TapOptions {
  /** An interface's name, or a pattern such as "tap%d". */
  readonly name: string;
  /** A bridge that it becomes a port of. */
  readonly bridge?: string;
  /** The interface stays when the vkernel ends, and belongs to this user. */
  readonly persistent?: boolean;
  readonly mtu?: number;
}

export class Tap implements NetBackend {
  readonly name: string;
  readonly capabilities: NetCapabilities;
  readonly #fd: number;
  readonly #watch: DescriptorWatch;
  #events: NetEvents | undefined;

  /** Attaches to the interface, or creates it where that is permitted. */
  static open(options: TapOptions): Tap {
    const { fd, name, created } = openDescriptor(options.name);
    try {
      configure(fd, name, options, created);
      return new Tap(fd, name);
    } catch (error) {
      native().closeDescriptor({ fd });
      throw error;
    }
  }

  private constructor(fd: number, name: string) {
    this.#fd = fd;
    this.name = name;
    const mtu = native().interfaceState({ name })?.mtu ?? 0;
    const offloads = { checksum: true, tso4: true, tso6: true, ecn: true, ufo: true, uso: knowsUso(fd) };
    this.capabilities = { mtu, offloads };
    this.accept(NO_OFFLOADS);
    this.#watch = new (native().DescriptorWatch)({ fd, onReady: () => this.#events?.readable() });
  }

  attach(events: NetEvents): void {
    this.#events = events;
    this.accept(NO_OFFLOADS);
  }

  accept(offloads: NetOffloads): void {
    native().setTapOffloads({ fd: this.#fd, offloads: offloadBits(offloads) });
  }

  send(packets: PacketVectors): number {
    const { memory, words, results, count } = packets;
    const done = native().writePackets({ fd: this.#fd, memory, vectors: words, packets: count, results });
    let lost = count - done;
    for (let index = 0; index < done; index++) if ((results[index] ?? 0) < 0) lost++;
    return lost;
  }

  receive(room: PacketVectors, { maximum, mergeable }: ReceiveLimits): number {
    const { memory, words, results, count } = room;
    return native().readPackets({
      ...{ fd: this.#fd, memory, vectors: words, buffers: count, maximum, mergeable, results },
    });
  }

  awaitPacket(): void {
    this.#watch.arm({ readable: true, writable: false });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#events = undefined;
    this.#watch.close();
    native().closeDescriptor({ fd: this.#fd });
  }
}

function openDescriptor(name: string): { fd: number; name: string; created: boolean } {
  const created = native().interfaceState({ name }) === undefined;
  try {
    return { ...native().openTap({ name, multiQueue: false, headerLength: NetHeader.LENGTH }), created };
  } catch (cause) {
    throw openError(name, created, cause as NodeJS.ErrnoException);
  }
}

function configure(fd: number, name: string, { bridge, persistent, mtu }: TapOptions, created: boolean): void {
  const root = "sudo ";
  if (persistent === true) {
    attempt(name, "be made to stay", `${root}ip tuntap add dev ${name} mode tap user ${userInfo().username}`, () => {
      native().setTapOwner({ fd, owner: userInfo().uid });
      native().setTapPersistent({ fd, persistent: true });
    });
  }
  if (mtu !== undefined && native().interfaceState({ name })?.mtu !== mtu) {
    attempt(name, "be given another MTU", `${root}ip link set dev ${name} mtu ${mtu}`, () =>
      native().setInterfaceMtu({ name, mtu }),
    );
  }
  if (bridge !== undefined) {
    if (native().interfaceState({ name: bridge }) === undefined) {
      throw new VkrunError("ERR_VKRUN_BRIDGE_MISSING", `there is no bridge ${bridge}`, {
        hint: `Create it: sudo ip link add ${bridge} type bridge && sudo ip link set ${bridge} up`,
      });
    }
    addToBridge(name, bridge);
  }
  if (native().interfaceState({ name })?.up === true) return;
  const verb = created ? "be set up" : "be set up by you, and is down";
  attempt(name, verb, `${root}ip link set ${name} up`, () => native().setInterfaceUp({ name }));
}

function addToBridge(name: string, bridge: string): void {
  attempt(name, `become a port of ${bridge}`, `sudo ip link set ${name} master ${bridge}`, () => {
    try {
      native().addToBridge({ bridge, name });
    } catch (error) {
      // It is one already; the kernel does not say of which bridge, and `master` is the user's choice then.
      if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
    }
  });
}

/** Does what needs privileges, and says which command would do it for one who has them. */
function attempt(name: string, what: string, command: string, action: () => void): void {
  try {
    action();
  } catch (cause) {
    const { message } = cause as Error;
    throw new VkrunError("ERR_VKRUN_TAP_ACCESS", `the tap interface ${name} cannot ${what}: ${message}`, {
      hint: `This does it: ${command}`,
      cause,
    });
  }
}

function openError(name: string, created: boolean, cause: NodeJS.ErrnoException): VkrunError {
  const create = `sudo ip tuntap add dev ${name} mode tap user ${userInfo().username} && sudo ip link set ${name} up`;
  if (cause.syscall === "open") {
    return new VkrunError("ERR_VKRUN_TAP_UNAVAILABLE", `/dev/net/tun cannot be opened: ${cause.message}`, {
      hint: "The module tun must be loaded (sudo modprobe tun), and you must have access to the file.",
      cause,
    });
  }
  switch (cause.code) {
    case "EPERM":
      return new VkrunError(
        "ERR_VKRUN_TAP_ACCESS",
        created ? `you may not create the tap interface ${name}` : `the tap interface ${name} is not yours`,
        { hint: created ? `Create it: ${create}` : `Create it anew: sudo ip link delete ${name} && ${create}`, cause },
      );
    case "EBUSY":
      return new VkrunError("ERR_VKRUN_TAP_BUSY", `the tap interface ${name} is in use by another program`, {
        hint: "Stop that one, or take another interface.",
        cause,
      });
    default:
      return new VkrunError("ERR_VKRUN_TAP_INVALID", `${name} cannot be opened as a tap interface: ${cause.message}`, {
        hint: `It must be a tap with one queue, such as this makes: ${create}`,
        cause,
      });
  }
}

function offloadBits({ checksum, tso4, tso6, ecn, ufo, uso }: NetOffloads): number {
  let bits = 0;
  if (checksum) bits |= TapOffload.CSUM;
  if (tso4) bits |= TapOffload.TSO4;
  if (tso6) bits |= TapOffload.TSO6;
  if (ecn) bits |= TapOffload.TSO_ECN;
  if (ufo) bits |= TapOffload.UFO;
  if (uso) bits |= TapOffload.USO;
  return bits;
}

/** Linux 6.2 and on. */
function knowsUso(fd: number): boolean {
  try {
    native().setTapOffloads({ fd, offloads: TapOffload.CSUM | TapOffload.USO });
    return true;
  } catch {
    return false;
  }
}
