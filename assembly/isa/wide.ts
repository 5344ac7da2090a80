// Integer operations that wasm does not have.

export class Wide {
  /** The upper half of the 128-bit product. */
  static mulhu(a: u64, b: u64): u64 {
    const a0 = a & 0xffff_ffff;
    const a1 = a >> 32;
    const b0 = b & 0xffff_ffff;
    const b1 = b >> 32;
    const middle = a1 * b0 + ((a0 * b0) >> 32);
    const low = a0 * b1 + (middle & 0xffff_ffff);
    return a1 * b1 + (middle >> 32) + (low >> 32);
  }

  static mulh(a: i64, b: i64): u64 {
    return Wide.mulhu(a, b) - (a < 0 ? <u64>b : 0) - (b < 0 ? <u64>a : 0);
  }

  static mulhsu(a: i64, b: u64): u64 {
    return Wide.mulhu(a, b) - (a < 0 ? b : 0);
  }

  // Division never traps (M, 13.2): by zero gives all ones and the dividend, overflow the dividend and zero.

  static div(a: i64, b: i64): i64 {
    if (b == 0) return -1;
    return b == -1 ? -a : a / b;
  }

  static rem(a: i64, b: i64): i64 {
    if (b == 0) return a;
    return b == -1 ? 0 : a % b;
  }

  static divu(a: u64, b: u64): u64 {
    return b == 0 ? u64.MAX_VALUE : a / b;
  }

  static remu(a: u64, b: u64): u64 {
    return b == 0 ? a : a % b;
  }

  static divw(a: i32, b: i32): i32 {
    if (b == 0) return -1;
    return b == -1 ? 0 - a : a / b;
  }

  static remw(a: i32, b: i32): i32 {
    if (b == 0) return a;
    return b == -1 ? 0 : a % b;
  }

  static divuw(a: u32, b: u32): i32 {
    return b == 0 ? -1 : <i32>(a / b);
  }

  static remuw(a: u32, b: u32): i32 {
    return <i32>(b == 0 ? a : a % b);
  }

  /** Carry-less products (Zbc): bits 63:0, 127:64 and 126:63. */
  static clmul(a: u64, b: u64): u64 {
    let product: u64 = 0;
    while (b) {
      product ^= a << ctz(b);
      b &= b - 1;
    }
    return product;
  }

  static clmulr(a: u64, b: u64): u64 {
    let product: u64 = 0;
    while (b) {
      product ^= a >> (63 - ctz(b));
      b &= b - 1;
    }
    return product;
  }

  static clmulh(a: u64, b: u64): u64 {
    return Wide.clmulr(a, b) >> 1;
  }

  /** Each byte that is not zero becomes 0xff. */
  static orcb(a: u64): u64 {
    const low: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    const top = (((a & low) + low) | a) & ~low;
    return (top >> 7) * 0xff;
  }

  static rev8(a: u64): u64 {
    return bswap<u64>(a);
  }
}
