// Numbers of the virtio 1.2 specification that several devices share.

/** Device status bits (2.1). */
export const enum Status {
  ACKNOWLEDGE = 1,
  DRIVER = 2,
  DRIVER_OK = 4,
  FEATURES_OK = 8,
  DEVICE_NEEDS_RESET = 64,
  FAILED = 128,
}

/** Device ids (5). */
export const enum DeviceId {
  NET = 1,
  BLOCK = 2,
  CONSOLE = 3,
  ENTROPY = 4,
  BALLOON = 5,
  NINEP = 9,
  VSOCK = 19,
}

/** Feature bits that belong to no device type (6). */
export const enum Feature {
  INDIRECT_DESC = 28,
  EVENT_IDX = 29,
  VERSION_1 = 32,
  RING_PACKED = 34,
  RING_RESET = 40,
}

/** Bits of InterruptStatus and InterruptACK (4.2.2). */
export const enum Interrupt {
  USED_BUFFER = 1,
  CONFIG_CHANGE = 2,
}
