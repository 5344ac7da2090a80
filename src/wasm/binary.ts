/** Pieces of wasm's binary format (core specification 2.0, chapter 5), for the little that the host adds to what the core compiles. */

/** unsigned LEB128. */
export function u32(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return bytes;
}

/** signed LEB128. */
export function s32(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7) {
    const low = rest & 0x7f;
    const isLast = rest >> 6 === 0 || rest >> 6 === -1;
    bytes.push(isLast ? low : low | 0x80);
    if (isLast) return bytes;
  }
}

export function name(text: string): number[] {
  const bytes = [...Buffer.from(text, "utf8")];
  return [...u32(bytes.length), ...bytes];
}

export function vector(items: readonly (readonly number[])[]): number[] {
  return [...u32(items.length), ...items.flat()];
}

export function section(id: number, contents: readonly number[]): number[] {
  return [id, ...u32(contents.length), ...contents];
}

const CUSTOM = 0;
const FUNCTION_NAMES = 1;

/** The custom section "name" (appendix 7.4.1) that gives functions from index `first` on these names. */
export function nameSection(first: number, names: readonly string[]): number[] {
  const functions = vector(names.map((text, index) => [...u32(first + index), ...name(text)]));
  return section(CUSTOM, [...name("name"), ...section(FUNCTION_NAMES, functions)]);
}
