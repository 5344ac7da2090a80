/**
 * Which frames a driver wants (virtio 1.2, 5.1.6.5.1 to 5.1.6.5.3): receive modes, tables of addresses, VLANs. A device may
 * pass on more than that; it is the guest's time that is saved by not doing so.
 */
import { CtrlMac, CtrlRx, CtrlVlan, MAC_LENGTH } from "./net-spec.js";

/** Addresses that are kept of each table; with more, all of the kind are passed on. QEMU has the same number. */
const TABLE_MAX = 64;
const VLANS = 4096;
const TYPE = 12;
const TAG = 14;
/** IEEE 802.1Q and 802.1ad. */
const TYPE_VLAN = 0x8100;
const TYPE_SERVICE_VLAN = 0x88a8;

interface SavedFilter {
  readonly modes: readonly boolean[];
  readonly unicast: readonly string[] | undefined;
  readonly multicast: readonly string[] | undefined;
  readonly vlans: Uint8Array;
}

export class NetFilter {
  /** By CtrlRx. */
  #modes: boolean[] = [];
  /** Undefined: there were too many. */
  #unicast: Set<string> | undefined;
  #multicast: Set<string> | undefined;
  #vlans: Uint8Array = new Uint8Array(VLANS / 8);
  /** Whether the driver filters VLANs at all. */
  #filtersVlans = false;
  #active = false;

  constructor() {
    this.reset();
  }

  /** Everything goes through until the driver has a say (`start`). */
  reset(): void {
    this.#active = false;
    this.#filtersVlans = false;
    // Promiscuous at first, as in QEMU: a driver that cannot choose needs all there is.
    this.#modes = [true, false, false, false, false, false];
    this.#unicast = new Set();
    this.#multicast = new Set();
    this.#vlans = new Uint8Array(VLANS / 8);
  }

  /** What the driver has negotiated: CTRL_RX, and CTRL_VLAN. */
  start({ modes, vlans }: { modes: boolean; vlans: boolean }): void {
    this.#active = modes;
    this.#filtersVlans = vlans;
  }

  /** VIRTIO_NET_CTRL_RX_*. */
  setMode(command: number, data: Uint8Array): boolean {
    if (command > CtrlRx.NOBCAST || data.length < 1) return false;
    this.#modes[command] = data[0] !== 0;
    return true;
  }

  /** VIRTIO_NET_CTRL_MAC_TABLE_SET: two tables, each a number of entries (le32) and the entries. */
  setTables(command: number, data: Uint8Array): boolean {
    if (command !== CtrlMac.TABLE_SET) return false;
    const unicast = readTable(data, 0);
    if (unicast === undefined) return false;
    const multicast = readTable(data, unicast.end);
    if (multicast === undefined) return false;
    this.#unicast = unicast.addresses;
    this.#multicast = multicast.addresses;
    return true;
  }

  /** VIRTIO_NET_CTRL_VLAN_*. */
  setVlan(command: number, data: Uint8Array): boolean {
    if (data.length < 2) return false;
    const id = (data[0] ?? 0) | ((data[1] ?? 0) << 8);
    if (id >= VLANS || (command !== CtrlVlan.ADD && command !== CtrlVlan.DEL)) return false;
    const bit = 1 << (id & 7);
    const byte = this.#vlans[id >> 3] ?? 0;
    this.#vlans[id >> 3] = command === CtrlVlan.ADD ? byte | bit : byte & ~bit;
    return true;
  }

  /** Whether the driver wants the frame that begins with `head`; `mac` is its address. */
  accepts(head: Uint8Array, mac: Uint8Array): boolean {
    if (this.#filtersVlans && !this.#acceptsVlan(head)) return false;
    if (!this.#active || this.#modes[CtrlRx.PROMISC]) return true;
    if (((head[0] ?? 0) & 1) === 0) {
      if (this.#modes[CtrlRx.NOUNI]) return false;
      return (
        this.#modes[CtrlRx.ALLUNI] === true ||
        sameAddress(head, mac) ||
        this.#unicast === undefined ||
        (this.#unicast.size > 0 && this.#unicast.has(key(head)))
      );
    }
    if (isBroadcast(head)) return !this.#modes[CtrlRx.NOBCAST];
    if (this.#modes[CtrlRx.NOMULTI]) return false;
    return this.#modes[CtrlRx.ALLMULTI] === true || this.#multicast === undefined || this.#multicast.has(key(head));
  }

  save(): Record<string, unknown> {
    const saved: SavedFilter = {
      modes: [...this.#modes],
      unicast: this.#unicast && [...this.#unicast],
      multicast: this.#multicast && [...this.#multicast],
      vlans: this.#vlans.slice(),
    };
    return { ...saved };
  }

  restore(state: Record<string, unknown>): void {
    const saved = state as unknown as SavedFilter;
    this.#modes = [...saved.modes];
    this.#unicast = saved.unicast && new Set(saved.unicast);
    this.#multicast = saved.multicast && new Set(saved.multicast);
    this.#vlans = new Uint8Array(saved.vlans);
  }

  #acceptsVlan(head: Uint8Array): boolean {
    const type = ((head[TYPE] ?? 0) << 8) | (head[TYPE + 1] ?? 0);
    if (type !== TYPE_VLAN && type !== TYPE_SERVICE_VLAN) return true;
    const id = (((head[TAG] ?? 0) << 8) | (head[TAG + 1] ?? 0)) & (VLANS - 1);
    return ((this.#vlans[id >> 3] ?? 0) & (1 << (id & 7))) !== 0;
  }
}

/** Undefined for a table that is cut off; without addresses for one that is too long to be kept. */
function readTable(data: Uint8Array, at: number): { addresses: Set<string> | undefined; end: number } | undefined {
  if (at + 4 > data.length) return undefined;
  const entries = new DataView(data.buffer, data.byteOffset, data.length).getUint32(at, true);
  const end = at + 4 + entries * MAC_LENGTH;
  if (end > data.length) return undefined;
  if (entries > TABLE_MAX) return { addresses: undefined, end };
  const addresses = new Set<string>();
  for (let place = at + 4; place < end; place += MAC_LENGTH) addresses.add(key(data.subarray(place)));
  return { addresses, end };
}

function key(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, MAC_LENGTH)).toString("hex");
}

function sameAddress(bytes: Uint8Array, mac: Uint8Array): boolean {
  for (let index = 0; index < MAC_LENGTH; index++) if (bytes[index] !== mac[index]) return false;
  return true;
}

function isBroadcast(bytes: Uint8Array): boolean {
  for (let index = 0; index < MAC_LENGTH; index++) if (bytes[index] !== 0xff) return false;
  return true;
}
