/** CRC-32C (Castagnoli): of headers, tables and manifests here; of pages in the addon, off this thread. */
import { native, nativeUnavailable } from "../native.js";

/** Reflected. */
const POLYNOMIAL = 0x82f63b78;

const TABLE = new Uint32Array(256).map((_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value >>> 0;
});

/** Goes on from `crc`, which is that of the bytes before. */
export function crc32c(bytes: Uint8Array, crc = 0): number {
  if (nativeUnavailable() === undefined) return native().crc32c({ bytes, crc, table: false });
  let state = ~crc;
  for (const byte of bytes) state = (TABLE[(state ^ byte) & 0xff] as number) ^ (state >>> 8);
  return ~state >>> 0;
}
