// A network device with a driver at one end and a peer at the other, made anew for each test: importers see the newest.

import { memoryCable } from "../../../src/backends/memory-net.js";
import { type NetBackend, type NetCapabilities, NO_OFFLOADS } from "../../../src/backends/net-backend.js";
import { VirtioMmio } from "../../../src/devices/virtio/mmio-transport.js";
import { VirtioNet } from "../../../src/devices/virtio/net.js";
import { NetPeer } from "../../support/net-peer.js";
import { type Buffer, type DriverQueue, Register, VirtioDriver } from "../../support/virtqueue-driver.js";
import { type Surroundings, surroundings, Wire } from "../support.js";

/** How packets come in: see VirtioNetOptions, `logged`. */
export const MODES: [name: string, recorded: boolean][] = [
  ["", false],
  [" whose inputs are recorded", true],
];

export const MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
export const ALL = { checksum: true, tso4: true, tso6: true, ecn: true, ufo: true, uso: true };
/** Feature bits (5.1.3). */
export const [GUEST_CSUM, GUEST_TSO4, MRG_RXBUF, CTRL_VQ, CTRL_RX, CTRL_VLAN, VERSION_1] = [1, 7, 15, 17, 18, 19, 32];

export let world: Surroundings;
export let wire: Wire;
export let net: VirtioNet;
export let mmio: VirtioMmio;
export let driver: VirtioDriver;
export let rx: DriverQueue;
export let tx: DriverQueue;
export let ctrl: DriverQueue;
export let peer: NetPeer;
let logged: boolean;

export function plug(backend: NetBackend): void {
  wire = new Wire();
  net = new VirtioNet({ name: "net0", context: world.context, backend, mac: MAC, logged });
  mmio = new VirtioMmio({ slot: 2, device: net, interrupt: wire, core: world.queues });
  driver = new VirtioDriver(mmio, world.memory);
}

export function cable(capabilities: Partial<NetCapabilities> = {}): void {
  const [port, other] = memoryCable({ mtu: 1500, offloads: NO_OFFLOADS, ...capabilities });
  peer = new NetPeer(other);
  peer.backend.accept(ALL);
  plug(port);
}

export function start(features?: Iterable<number>): void {
  const queues = driver.start({ queues: 3, ...(features && { features }) });
  [rx, tx, ctrl] = queues as [DriverQueue, DriverQueue, DriverQueue];
}

/** Everything on offer but these. */
export function without(...bits: number[]): number[] {
  return [...driver.offered].filter((bit) => !bits.includes(bit));
}

export function frame(length: number, fill = length): Uint8Array {
  return new Uint8Array(length).fill(fill & 0xfe);
}

/** The driver resets its receive queue, and begins another one. */
export function resetReceiveQueue(): void {
  driver.set(Register.QueueSel, 0);
  driver.set(Register.QueueReset, 1);
  rx = driver.addQueue(0);
}

/** Offers a receive buffer of the size that Linux uses. */
export function offer(length = 1526): Buffer {
  const buffer = driver.buffer(length);
  rx.add({ writable: [buffer] });
  rx.kick();
  return buffer;
}

export function transmit(...parts: Uint8Array[]): void {
  tx.add({ readable: parts.map((part) => driver.buffer(part)) });
  tx.kick();
}

/** Lets packets in: those that come of others too. */
export function settle(): void {
  for (let turn = 0; turn < 5; turn++) world.gate.open();
}

/** Sends a command on the control queue and answers the device's word on it. */
export function command(kind: number, number: number, data: Uint8Array | readonly number[]): number {
  const ack = driver.buffer(Uint8Array.of(0xee));
  ctrl.add({
    readable: [driver.buffer(Uint8Array.of(kind, number)), driver.buffer(Uint8Array.from(data))],
    writable: [ack],
  });
  ctrl.kick();
  ctrl.used();
  return driver.bytes(ack)[0] as number;
}

export const status = (): number => mmio.read(Register.Config + 6, 2);

/** A new world, with nothing plugged in. */
export async function prepare(recorded: boolean): Promise<void> {
  world = await surroundings();
  logged = recorded;
}
