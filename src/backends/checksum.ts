// The Internet checksum (RFC 1071), finished in place of a network card.
import { native, nativeUnavailable } from "../native.js";
import { NetHeader, NetHeaderFlag } from "./net-header.js";

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Without the addon: the one's complement sum of `bytes` from `start` on, as the two bytes would lie in memory. */
export function plainSum(bytes: Uint8Array, start: number): number {
  // Words of 32 bits where they are aligned; their sum is congruent, and stays exact in a double.
  let total = 0;
  let at = start;
  const aligned = at + ((4 - ((bytes.byteOffset + at) & 3)) & 3);
  const swapped = ((aligned - start) & 1) !== 0;
  const end = bytes.length;
  let head = 0;
  for (; at < Math.min(aligned, end); at++) head += (bytes[at] ?? 0) << (((at - start) & 1) * 8);
  if (at < end) {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + at, (end - at) >>> 2);
    for (let index = 0; index < words.length; index++) total += words[index] as number;
    at += words.length * 4;
  }
  for (let index = 0; at < end; at++, index++) total += (bytes[at] ?? 0) << ((index & 1) * 8);
  let folded = fold(total);
  // What began at an odd place has its bytes the other way round (RFC 1071, 2 (B)).
  if (swapped) folded = ((folded & 0xff) << 8) | (folded >>> 8);
  return fold(folded + head);
}

function fold(total: number): number {
  let value = total;
  while (value > 0xffff) value = (value % 0x1_0000) + Math.floor(value / 0x1_0000);
  return value;
}

/**
 * Finishes the checksum of a frame whose header (struct virtio_net_hdr) asks for it, and takes the request back. False for a
 * header that makes no sense: its frame is good for nothing.
 */
export function finishChecksum(header: Uint8Array, frame: Uint8Array): boolean {
  const flags = header[NetHeader.FLAGS] ?? 0;
  if ((flags & NetHeaderFlag.NEEDS_CSUM) === 0) return true;
  const fields = new DataView(header.buffer, header.byteOffset, NetHeader.LENGTH);
  const start = fields.getUint16(NetHeader.CSUM_START, true);
  const place = start + fields.getUint16(NetHeader.CSUM_OFFSET, true);
  if (place + 2 > frame.length) return false;
  const covered = nativeUnavailable() ? plainSum(frame, start) : native().internetSum({ bytes: frame.subarray(start) });
  let checksum = ~covered & 0xffff;
  // Zero says that a UDP datagram has no checksum (RFC 768); for TCP the two are the same.
  if (checksum === 0) checksum = 0xffff;
  frame[place] = LITTLE_ENDIAN ? checksum & 0xff : checksum >>> 8;
  frame[place + 1] = LITTLE_ENDIAN ? checksum >>> 8 : checksum & 0xff;
  header[NetHeader.FLAGS] = flags & ~NetHeaderFlag.NEEDS_CSUM;
  return true;
}

/** The same for header and frame in one piece. */
export function finishPacket(packet: Uint8Array): boolean {
  return finishChecksum(packet.subarray(0, NetHeader.LENGTH), packet.subarray(NetHeader.LENGTH));
}
