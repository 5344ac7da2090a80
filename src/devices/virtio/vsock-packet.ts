// struct virtio_vsock_hdr (virtio 1.2, 5.10.6): src_cid[8] dst_cid[8] src_port[4] dst_port[4] len[4] type[2] op[2] flags[4]
// buf_alloc[4] fwd_cnt[4], little-endian.

export const HEADER_LENGTH = 44;
export const TYPE_STREAM = 1;
/** The host's well-known address (5.10.4). */
export const HOST_CID = 2n;

export const enum VsockOp {
  REQUEST = 1,
  RESPONSE = 2,
  RST = 3,
  SHUTDOWN = 4,
  RW = 5,
  CREDIT_UPDATE = 6,
  CREDIT_REQUEST = 7,
}

/** Hints of SHUTDOWN (5.10.6.6). */
export const enum Shutdown {
  RECEIVE = 1,
  SEND = 2,
}

export interface VsockHeader {
  readonly sourceCid: bigint;
  readonly destinationCid: bigint;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly length: number;
  readonly type: number;
  readonly op: number;
  readonly flags: number;
  /** Room that the sender has for what it receives, and how much of that it has passed on so far. */
  readonly bufferSize: number;
  readonly forwarded: number;
}

export function decodeHeader(bytes: Uint8Array): VsockHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_LENGTH);
  return {
    sourceCid: view.getBigUint64(0, true),
    destinationCid: view.getBigUint64(8, true),
    sourcePort: view.getUint32(16, true),
    destinationPort: view.getUint32(20, true),
    length: view.getUint32(24, true),
    type: view.getUint16(28, true),
    op: view.getUint16(30, true),
    flags: view.getUint32(32, true),
    bufferSize: view.getUint32(36, true),
    forwarded: view.getUint32(40, true),
  };
}

export function encodeHeader(header: VsockHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, header.sourceCid, true);
  view.setBigUint64(8, header.destinationCid, true);
  view.setUint32(16, header.sourcePort, true);
  view.setUint32(20, header.destinationPort, true);
  view.setUint32(24, header.length, true);
  view.setUint16(28, header.type, true);
  view.setUint16(30, header.op, true);
  view.setUint32(32, header.flags, true);
  view.setUint32(36, header.bufferSize, true);
  view.setUint32(40, header.forwarded, true);
  return bytes;
}
