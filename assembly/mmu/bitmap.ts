/** A bit for each page of RAM, at a fixed place in linear memory. */
export class Bitmap {
  @inline static has(bitmap: usize, page: u32): bool {
    return ((<u32>load<u8>(bitmap + (page >> 3)) >> (page & 7)) & 1) != 0;
  }

  @inline static set(bitmap: usize, page: u32): void {
    const byte = bitmap + (page >> 3);
    store<u8>(byte, <u8>(<u32>load<u8>(byte) | ((<u32>1) << (page & 7))));
  }

  @inline static clear(bitmap: usize, page: u32): void {
    const byte = bitmap + (page >> 3);
    store<u8>(byte, <u8>(<u32>load<u8>(byte) & ~((<u32>1) << (page & 7))));
  }
}
