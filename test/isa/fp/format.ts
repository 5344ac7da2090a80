/** A binary interchange format (IEEE 754-2019 table 3.5), and what it is called here and there. */
export interface Format {
  readonly suffix: "s" | "d";
  readonly typeName: "f32" | "f64";
  readonly className: "F32" | "F64";
  readonly fractionBits: number;
  readonly bias: number;
}

export const S: Format = { suffix: "s", typeName: "f32", className: "F32", fractionBits: 23, bias: 127 };
export const D: Format = { suffix: "d", typeName: "f64", className: "F64", fractionBits: 52, bias: 1023 };

/** The bits of a number; a field outside the format's range is moved to the nearest finite end. */
export function pack(format: Format, negative: boolean, field: number, fraction: bigint): bigint {
  const clamped = Math.max(0, Math.min(field, 2 * format.bias));
  return signBit(format, negative) | (BigInt(clamped) << BigInt(format.fractionBits)) | fraction;
}

export function signBit(format: Format, negative: boolean): bigint {
  return negative ? BigInt(format.bias + 1) << BigInt(format.fractionBits + 1) : 0n;
}

export function infinity(format: Format): bigint {
  return BigInt(2 * format.bias + 1) << BigInt(format.fractionBits);
}

const cell = new DataView(new ArrayBuffer(8));

/** The bits of the number nearest to `value`. */
export function toBits(format: Format, value: number): bigint {
  if (format === D) cell.setFloat64(0, value);
  else cell.setFloat32(4, value);
  return format === D ? cell.getBigUint64(0) : BigInt(cell.getUint32(4));
}

export function fromBits(format: Format, bits: bigint): number {
  cell.setBigUint64(0, bits);
  return format === D ? cell.getFloat64(0) : cell.getFloat32(4);
}
