// struct virtio_net_hdr, with num_buffers (virtio 1.2, 5.1.6): what stands before each packet.

/** Offsets; multi-byte fields are little-endian. */
export const NetHeader = Object.freeze({
  FLAGS: 0,
  GSO_TYPE: 1,
  HDR_LEN: 2,
  GSO_SIZE: 4,
  CSUM_START: 6,
  CSUM_OFFSET: 8,
  NUM_BUFFERS: 10,
  LENGTH: 12,
});

export const NetHeaderFlag = Object.freeze({
  /** The checksum at csum_start + csum_offset is that of the pseudo header alone. */
  NEEDS_CSUM: 1,
  /** All checksums are known to be good. */
  DATA_VALID: 2,
});

export const GSO_NONE = 0;

/** Destination, source and type (IEEE 802.3, 3.1.1). */
export const FRAME_MIN = 14;
/** What is in a frame beside the payload: these fields, and a VLAN tag. */
export const FRAME_OVERHEAD = 18;
/** The longest packet behind a header that there can be (virtio 1.2, 5.1.6.3.1), with a VLAN tag. */
export const FRAME_MAX = 65_550 + 4;

/** struct virtio_net_config's limits (5.1.4): the least that IPv4 works with, and the most that an IP packet can have. */
export const MTU_MIN = 68;
export const MTU_MAX = 65_535;
export const ETHERNET_MTU = 1500;
