// Numbers of the network device (virtio 1.2, 5.1).

/** Feature bits (5.1.3). */
export const enum NetFeature {
  CSUM = 0,
  GUEST_CSUM = 1,
  CTRL_GUEST_OFFLOADS = 2,
  MTU = 3,
  MAC = 5,
  GUEST_TSO4 = 7,
  GUEST_TSO6 = 8,
  GUEST_ECN = 9,
  GUEST_UFO = 10,
  HOST_TSO4 = 11,
  HOST_TSO6 = 12,
  HOST_ECN = 13,
  HOST_UFO = 14,
  MRG_RXBUF = 15,
  STATUS = 16,
  CTRL_VQ = 17,
  CTRL_RX = 18,
  CTRL_VLAN = 19,
  CTRL_RX_EXTRA = 20,
  GUEST_ANNOUNCE = 21,
  CTRL_MAC_ADDR = 23,
  GUEST_USO4 = 54,
  GUEST_USO6 = 55,
  HOST_USO = 56,
}

/** Offsets in struct virtio_net_config (5.1.4). */
export const NetConfig = Object.freeze({ MAC: 0, STATUS: 6, MAX_VIRTQUEUE_PAIRS: 8, MTU: 10, LENGTH: 12 });
export const MAC_LENGTH = 6;

/** Bits of `status` in there. */
export const enum NetStatus {
  LINK_UP = 1,
  ANNOUNCE = 2,
}

/** Classes and commands of the control queue (5.1.6.5). */
export const enum CtrlClass {
  RX = 0,
  MAC = 1,
  VLAN = 2,
  ANNOUNCE = 3,
  GUEST_OFFLOADS = 5,
}
export const enum CtrlRx {
  PROMISC = 0,
  ALLMULTI = 1,
  ALLUNI = 2,
  NOMULTI = 3,
  NOUNI = 4,
  NOBCAST = 5,
}
export const enum CtrlMac {
  TABLE_SET = 0,
  ADDR_SET = 1,
}
export const enum CtrlVlan {
  ADD = 0,
  DEL = 1,
}
export const enum CtrlAnnounce {
  ACK = 0,
}
export const enum CtrlGuestOffloads {
  SET = 0,
}
export const enum CtrlAck {
  OK = 0,
  ERR = 1,
}
