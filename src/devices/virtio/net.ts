// virtio-net (virtio 1.2, 5.1): an Ethernet port. Queues: receiveq1 (0), transmitq1 (1), controlq (2).
//
// What is offered depends on the backend: see net-features.ts, where it also says what is not, and why.

import { type NetBackend, type NetOffloads, NO_OFFLOADS } from "../../backends/net-backend.js";
import { FRAME_MAX, FRAME_MIN, FRAME_OVERHEAD, NetHeader } from "../../backends/net-header.js";
import { PacketVectors } from "../../backends/packet-vectors.js";
import { VkrunError } from "../../errors.js";
import type { DeviceContext } from "../device.js";
import { featuresOver, guestOffloads, isConsistent, SWITCHABLE, segments } from "./net-features.js";
import { NetFilter } from "./net-filter.js";
import { NetReceiver } from "./net-receiver.js";
import {
  CtrlAck,
  CtrlAnnounce,
  CtrlClass,
  CtrlGuestOffloads,
  CtrlMac,
  MAC_LENGTH,
  NetConfig,
  NetFeature,
  NetStatus,
} from "./net-spec.js";
import { VirtioDevice, type VirtioTransport } from "./virtio-device.js";
import { DeviceId } from "./virtio-spec.js";
import type { VirtqRequest } from "./virtq-request.js";

const RECEIVE = 0;
const TRANSMIT = 1;
const CONTROL = 2;
const QUEUE_SIZE = 256;
const CONTROL_SIZE = 64;

/** The longest command with its arguments that is looked at: room for tables of some thousand addresses. */
const CONTROL_MAX = 32 * 1024;
/** class, command (5.1.6.5). */
const CONTROL_HEADER = 2;

export interface VirtioNetOptions {
  readonly name: string;
  readonly context: DeviceContext;
  readonly backend: NetBackend;
  /** Six bytes, a unicast address. */
  readonly mac: Uint8Array;
  /** Inputs are recorded, or come from a recording: packets must be payloads of the input gate. Default false. */
  readonly logged?: boolean;
}

interface SavedNet {
  readonly mac: Uint8Array;
  readonly status: number;
  readonly backlog: readonly Uint8Array[];
  readonly filter: Record<string, unknown>;
  readonly switched: readonly number[];
  readonly held: boolean;
}

export class VirtioNet extends VirtioDevice {
  readonly deviceId = DeviceId.NET;
  readonly features: readonly number[];
  readonly queueSizes = [QUEUE_SIZE, QUEUE_SIZE, CONTROL_SIZE];
  readonly config = new Uint8Array(NetConfig.LENGTH);

  readonly #backend: NetBackend;
  readonly #mac: Uint8Array;
  readonly #filter = new NetFilter();
  readonly #logged: boolean;
  #receiver: NetReceiver | undefined;
  #outgoing: PacketVectors | undefined;
  /** The longest packet that the driver may send. */
  #transmitMax = 0;
  /** Of the features in SWITCHABLE, those that the driver has switched on. */
  #switched: readonly number[] = [];
  /** The backend takes no more for now: what the driver offers stays in its ring. */
  #held = false;

  constructor({ name, context, backend, mac, logged = false }: VirtioNetOptions) {
    super(name, context);
    if (mac.length !== MAC_LENGTH || ((mac[0] ?? 0) & 1) !== 0) {
      throw new VkrunError("ERR_VKRUN_INVALID_OPTION", `the MAC address of ${name} is not a unicast Ethernet address`, {
        hint: "Give six bytes with an even first one, such as 52:54:00:12:34:56.",
      });
    }
    this.#backend = backend;
    this.#mac = mac;
    this.#logged = logged;
    this.features = featuresOver(backend.capabilities);
    this.#powerOnConfig(NetStatus.LINK_UP);
  }

  override attach(transport: VirtioTransport): void {
    super.attach(transport);
    const { core } = this.queue(RECEIVE);
    const memory = new Uint8Array(core.buffer);
    const device = this;
    this.#outgoing = new PacketVectors(memory);
    this.#receiver = new NetReceiver({
      ...{ backend: this.#backend, memory, logged: this.#logged, mtu: this.#backend.capabilities.mtu },
      queue: {
        get running() {
          return device.transport.running;
        },
        size: QUEUE_SIZE,
        pop: () => this.pop(RECEIVE),
        complete: (request, written) => this.complete(RECEIVE, request, written),
        flush: () => this.flush(RECEIVE),
        dropped: () => this.counters.dropped++,
      },
      post: (apply, packet) => this.context.input.post(this.nextLabel(packet ? "frame" : "receive"), apply, packet),
      accepts: (frame) => this.#filter.accepts(frame, this.config),
    });
    this.#backend.attach({
      readable: () => this.#receiver?.readable(),
      link: (up) => this.#post("link", () => this.#setStatus(NetStatus.LINK_UP, up), Uint8Array.of(up ? 1 : 0)),
      congestion: (congested) => this.#post(congested ? "congested" : "drained", () => this.#hold(congested)),
    });
  }

  override acceptable(negotiated: (bit: number) => boolean): boolean {
    return isConsistent(negotiated);
  }

  override driverReady(): void {
    this.#switched = SWITCHABLE.filter((feature) => this.transport.negotiated(feature));
    this.#start();
  }

  handleQueue(index: number): void {
    if (index === TRANSMIT) this.#transmitAll();
    else if (index === RECEIVE) this.#receiver?.offered();
    else this.drain(CONTROL, (request) => this.#control(request));
  }

  reset(): void {
    this.#receiver?.reset();
    this.#filter.reset();
    this.#backend.accept(NO_OFFLOADS);
    this.#powerOnConfig((this.config[NetConfig.STATUS] ?? 0) & NetStatus.LINK_UP);
  }

  override resetQueue(index: number): void {
    if (index === RECEIVE) this.#receiver?.resetQueue();
  }

  saveDevice(): Record<string, unknown> {
    const saved: SavedNet = {
      mac: this.config.slice(NetConfig.MAC, NetConfig.MAC + MAC_LENGTH),
      status: this.config[NetConfig.STATUS] ?? 0,
      backlog: [...(this.#receiver?.backlog ?? [])],
      filter: this.#filter.save(),
      switched: [...this.#switched],
      held: this.#held,
    };
    return { ...saved };
  }

  restoreDevice(state: Record<string, unknown>): void {
    const saved = state as unknown as SavedNet;
    this.config.set(saved.mac, NetConfig.MAC);
    this.config[NetConfig.STATUS] = saved.status;
    this.#held = false;
    this.#switched = saved.switched;
    if (this.transport.running) this.#start();
    this.#filter.restore(saved.filter);
    this.#receiver?.restore(saved.backlog, this.queue(RECEIVE).underWay());
    // Switches may still send the guest's frames to where it was (5.1.6.5.4).
    if (this.transport.running) this.#post("announce", () => this.announce());
  }

  /** Has the driver tell the network where it is, when it knows how to. Between slices only. */
  announce(): void {
    if (this.transport.negotiated(NetFeature.GUEST_ANNOUNCE)) this.#setStatus(NetStatus.ANNOUNCE, true);
  }

  /** What the driver has negotiated takes effect. */
  #start(): void {
    const { transport } = this;
    const { mtu, offloads } = this.#backend.capabilities;
    const modes = transport.negotiated(NetFeature.CTRL_RX);
    this.#filter.start({ modes, vlans: transport.negotiated(NetFeature.CTRL_VLAN) });
    this.#transmitMax = NetHeader.LENGTH + (segments(offloads) ? FRAME_MAX : mtu + FRAME_OVERHEAD);
    this.#receiver?.start(transport.negotiated(NetFeature.MRG_RXBUF), this.#offloads());
  }

  #offloads(): NetOffloads {
    return guestOffloads((bit) => this.#switched.includes(bit));
  }

  #post(kind: string, apply: () => void, payload?: Uint8Array): void {
    this.context.input.post(this.nextLabel(kind), apply, payload);
  }

  #hold(held: boolean): void {
    this.#held = held;
    if (!held && this.transport.running) this.#transmitAll();
  }

  #transmitAll(): void {
    if (this.#held) return;
    this.drain(TRANSMIT, (request) => {
      this.#transmit(request);
      return true;
    });
    this.#send();
  }

  /** The guest stands still until all is sent, so its buffers may be given back before. */
  #transmit(request: VirtqRequest): void {
    const packets = this.#outgoing;
    const { readableLength: length, readableSegments } = request;
    if (packets === undefined || length < NetHeader.LENGTH + FRAME_MIN || length > this.#transmitMax) {
      this.counters.dropped++;
    } else {
      if (!packets.begin(readableSegments)) {
        this.#send();
        packets.begin(readableSegments);
      }
      request.eachReadable((address, bytes) => packets.add(address, bytes));
    }
    this.complete(TRANSMIT, request, 0);
  }

  #send(): void {
    const packets = this.#outgoing;
    if (packets === undefined || packets.count === 0) return;
    this.counters.dropped += this.#backend.send(packets);
    packets.clear();
  }

  #control(request: VirtqRequest): boolean {
    const command = new Uint8Array(Math.min(request.readableLength, CONTROL_MAX));
    request.read(0, command);
    const ok =
      request.readableLength <= CONTROL_MAX &&
      command.length >= CONTROL_HEADER &&
      this.#execute(command[0] ?? 0, command[1] ?? 0, command.subarray(CONTROL_HEADER));
    const written = request.write(0, Uint8Array.of(ok ? CtrlAck.OK : CtrlAck.ERR));
    this.complete(CONTROL, request, written);
    return true;
  }

  #execute(kind: number, command: number, data: Uint8Array): boolean {
    switch (kind) {
      case CtrlClass.RX:
        return this.#filter.setMode(command, data);
      case CtrlClass.MAC:
        if (command !== CtrlMac.ADDR_SET) return this.#filter.setTables(command, data);
        if (data.length < MAC_LENGTH) return false;
        this.config.set(data.subarray(0, MAC_LENGTH), NetConfig.MAC);
        return true;
      case CtrlClass.VLAN:
        return this.#filter.setVlan(command, data);
      case CtrlClass.ANNOUNCE:
        if (command !== CtrlAnnounce.ACK) return false;
        this.config[NetConfig.STATUS] = (this.config[NetConfig.STATUS] ?? 0) & ~NetStatus.ANNOUNCE;
        return true;
      case CtrlClass.GUEST_OFFLOADS:
        return command === CtrlGuestOffloads.SET && this.#switchOffloads(data);
      default:
        return false;
    }
  }

  /** A le64 with the bits of the features that are to be on (5.1.6.5.6.1). */
  #switchOffloads(data: Uint8Array): boolean {
    if (data.length < 8 || !this.transport.negotiated(NetFeature.CTRL_GUEST_OFFLOADS)) return false;
    let bits = new DataView(data.buffer, data.byteOffset, 8).getBigUint64(0, true);
    const wanted = SWITCHABLE.filter((feature) => ((bits >> BigInt(feature)) & 1n) !== 0n);
    for (const feature of wanted) bits &= ~(1n << BigInt(feature));
    const has = (bit: number): boolean => wanted.includes(bit);
    if (bits !== 0n || !wanted.every((feature) => this.transport.negotiated(feature)) || !isConsistent(has))
      return false;
    this.#switched = wanted;
    this.#receiver?.setOffloads(this.#offloads());
    return true;
  }

  #setStatus(bit: NetStatus, on: boolean): void {
    const status = this.config[NetConfig.STATUS] ?? 0;
    const changed = on ? status | bit : status & ~bit;
    if (changed === status) return;
    this.config[NetConfig.STATUS] = changed;
    this.transport.notifyConfig();
  }

  #powerOnConfig(status: number): void {
    const { mtu } = this.#backend.capabilities;
    this.config.fill(0);
    this.config.set(this.#mac, NetConfig.MAC);
    this.config[NetConfig.STATUS] = status;
    this.config[NetConfig.MAX_VIRTQUEUE_PAIRS] = 1;
    this.config[NetConfig.MTU] = mtu & 0xff;
    this.config[NetConfig.MTU + 1] = mtu >>> 8;
  }
}
