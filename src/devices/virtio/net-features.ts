// What a network device offers over a given backend, and what of it goes together (virtio 1.2, 5.1.3).
import type { NetCapabilities, NetOffloads } from "../../backends/net-backend.js";
import { ETHERNET_MTU } from "../../backends/net-header.js";
import { NetFeature } from "./net-spec.js";

/** Offered over any backend. Not offered: MQ, RSS and hash reports, for the guest has one hart; notification coalescing, standby. */
const ALWAYS = [
  ...[NetFeature.MAC, NetFeature.STATUS, NetFeature.MRG_RXBUF, NetFeature.GUEST_ANNOUNCE],
  ...[NetFeature.CTRL_VQ, NetFeature.CTRL_RX, NetFeature.CTRL_RX_EXTRA, NetFeature.CTRL_VLAN, NetFeature.CTRL_MAC_ADDR],
];

type Offload = keyof NetOffloads;

/** What the driver may leave to the device, and what the device may leave to the driver. */
const HOST: readonly (readonly [NetFeature, Offload])[] = [
  [NetFeature.CSUM, "checksum"],
  [NetFeature.HOST_TSO4, "tso4"],
  [NetFeature.HOST_TSO6, "tso6"],
  [NetFeature.HOST_ECN, "ecn"],
  [NetFeature.HOST_UFO, "ufo"],
  [NetFeature.HOST_USO, "uso"],
];
const GUEST: readonly (readonly [NetFeature, Offload])[] = [
  [NetFeature.GUEST_CSUM, "checksum"],
  [NetFeature.GUEST_TSO4, "tso4"],
  [NetFeature.GUEST_TSO6, "tso6"],
  [NetFeature.GUEST_ECN, "ecn"],
  [NetFeature.GUEST_UFO, "ufo"],
  [NetFeature.GUEST_USO4, "uso"],
  [NetFeature.GUEST_USO6, "uso"],
];

/** Each feature works only together with one of those behind it (5.1.3.1). */
const NEEDS: readonly (readonly [NetFeature, ...NetFeature[]])[] = [
  [NetFeature.GUEST_TSO4, NetFeature.GUEST_CSUM],
  [NetFeature.GUEST_TSO6, NetFeature.GUEST_CSUM],
  [NetFeature.GUEST_ECN, NetFeature.GUEST_TSO4, NetFeature.GUEST_TSO6],
  [NetFeature.GUEST_UFO, NetFeature.GUEST_CSUM],
  [NetFeature.GUEST_USO4, NetFeature.GUEST_CSUM],
  [NetFeature.GUEST_USO6, NetFeature.GUEST_CSUM],
  [NetFeature.HOST_TSO4, NetFeature.CSUM],
  [NetFeature.HOST_TSO6, NetFeature.CSUM],
  [NetFeature.HOST_ECN, NetFeature.HOST_TSO4, NetFeature.HOST_TSO6],
  [NetFeature.HOST_UFO, NetFeature.CSUM],
  [NetFeature.HOST_USO, NetFeature.CSUM],
  [NetFeature.CTRL_RX, NetFeature.CTRL_VQ],
  [NetFeature.CTRL_VLAN, NetFeature.CTRL_VQ],
  [NetFeature.CTRL_RX_EXTRA, NetFeature.CTRL_VQ],
  [NetFeature.CTRL_MAC_ADDR, NetFeature.CTRL_VQ],
  [NetFeature.CTRL_GUEST_OFFLOADS, NetFeature.CTRL_VQ],
  [NetFeature.GUEST_ANNOUNCE, NetFeature.CTRL_VQ],
];

export function featuresOver({ mtu, offloads }: NetCapabilities): NetFeature[] {
  const features: NetFeature[] = [...ALWAYS];
  // With this, Linux takes the longer frames without being told.
  if (mtu !== ETHERNET_MTU) features.push(NetFeature.MTU);
  for (const [feature, offload] of [...HOST, ...GUEST]) if (offloads[offload]) features.push(feature);
  if (offloads.checksum) features.push(NetFeature.CTRL_GUEST_OFFLOADS);
  return features;
}

export function isConsistent(negotiated: (bit: number) => boolean): boolean {
  return NEEDS.every(([feature, ...needed]) => !negotiated(feature) || needed.some(negotiated));
}

/** What the driver takes unfinished, when it has switched on these features. */
export function guestOffloads(has: (bit: number) => boolean): NetOffloads {
  return {
    checksum: has(NetFeature.GUEST_CSUM),
    tso4: has(NetFeature.GUEST_TSO4),
    tso6: has(NetFeature.GUEST_TSO6),
    ecn: has(NetFeature.GUEST_ECN),
    ufo: has(NetFeature.GUEST_UFO),
    // The host has one switch for both.
    uso: has(NetFeature.GUEST_USO4) && has(NetFeature.GUEST_USO6),
  };
}

/** The features that VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET can switch (5.1.6.5.6.1). */
export const SWITCHABLE: readonly NetFeature[] = GUEST.map(([feature]) => feature);

/** Whether packets longer than the link's may be sent, or come. */
export function segments({ tso4, tso6, ufo, uso }: NetOffloads): boolean {
  return tso4 || tso6 || ufo || uso;
}
