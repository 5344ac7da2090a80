/** What a checkpoint is known by wherever its file is: a UUID. */

export const ID_BYTES = 16;
export const NO_ID: Uint8Array = new Uint8Array(ID_BYTES);

export function sameId(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** An id as people see it. */
export function formatId(id: Uint8Array): string {
  const hex = Buffer.from(id).toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
