/**
 * Flattened device trees, version 17: Devicetree Specification v0.4 chapter 5. Written for the machine's own tree, read
 * for one that the user gives with --dtb. A tree is read as untrusted: bounded in size, depth and number of nodes.
 */
import { VkrunError } from "../errors.js";

/** true: no value. string[]: string list. number and number[]: u32 cells. bigint: u64. */
export type FdtValue = true | string | readonly string[] | number | readonly number[] | bigint | Uint8Array;

const MAGIC = 0xd00dfeed;
const VERSION = 17;
const LAST_COMPATIBLE_VERSION = 16;
const HEADER_SIZE = 40;
const RESERVATION_SIZE = 16;
const Token = { BEGIN_NODE: 1, END_NODE: 2, PROP: 3, NOP: 4, END: 9 } as const;

/**
 * Free bytes behind a tree. Firmware and boot loaders add to it where it lies: U-Boot puts bootargs and initrd into /chosen,
 * and takes for granted that there is room (CONFIG_SYS_FDT_PAD, 12 KiB).
 */
const ROOM = 16 * 1024;

/** Linux maps no more than this (MAX_FDT_SIZE on RISC-V is 4 MiB of mapping, 2 MiB aligned). */
export const MAX_FDT_SIZE = 2 * 1024 * 1024;
const MAX_DEPTH = 64;
/** The specification allows 31 characters; overlays use more. */
const MAX_NAME = 255;

export class FdtNode {
  readonly properties = new Map<string, Uint8Array>();
  readonly children: FdtNode[] = [];

  constructor(readonly name: string) {}

  set(name: string, value: FdtValue): this {
    this.properties.set(name, encodeValue(value));
    return this;
  }

  /** Appends a child and returns it. */
  add(name: string): FdtNode {
    const node = new FdtNode(name);
    this.children.push(node);
    return node;
  }

  child(name: string): FdtNode | undefined {
    return this.children.find((node) => node.name === name);
  }
}

/** A range of memory that the client program must leave alone. */
export interface FdtReservation {
  readonly address: bigint;
  readonly size: bigint;
}

export interface Fdt {
  readonly root: FdtNode;
  readonly reservations: readonly FdtReservation[];
}

function encodeValue(value: FdtValue): Uint8Array {
  if (value === true) return new Uint8Array(0);
  if (value instanceof Uint8Array) return value;
  if (typeof value === "string") return encodeStrings([value]);
  if (typeof value === "number") return encodeCells([value]);
  if (typeof value === "bigint") return encodeCells([Number(value >> 32n), Number(value & 0xffffffffn)]);
  return isStrings(value) ? encodeStrings(value) : encodeCells(value);
}

const isStrings = (value: readonly string[] | readonly number[]): value is readonly string[] =>
  typeof value[0] === "string";

const encodeStrings = (strings: readonly string[]): Uint8Array =>
  new TextEncoder().encode(strings.map((text) => `${text}\0`).join(""));

function encodeCells(cells: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(cells.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, cell] of cells.entries()) view.setUint32(index * 4, cell);
  return bytes;
}

const align = (value: number, to: number): number => Math.ceil(value / to) * to;

export function writeFdt({ root, reservations }: Fdt): Uint8Array {
  const { structure, strings } = flatten(root);
  const reservationsAt = HEADER_SIZE;
  const structureAt = reservationsAt + (reservations.length + 1) * RESERVATION_SIZE;
  const stringsAt = structureAt + structure.length;
  const total = align(stringsAt + strings.length, 8) + ROOM;
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  const header = [MAGIC, total, structureAt, stringsAt, reservationsAt, VERSION, LAST_COMPATIBLE_VERSION];
  const bootCpu = 0;
  for (const [index, word] of [...header, bootCpu, strings.length, structure.length].entries()) {
    view.setUint32(index * 4, word);
  }
  for (const [index, { address, size }] of reservations.entries()) {
    view.setBigUint64(reservationsAt + index * RESERVATION_SIZE, address);
    view.setBigUint64(reservationsAt + index * RESERVATION_SIZE + 8, size);
  }
  bytes.set(structure, structureAt);
  bytes.set(strings, stringsAt);
  return bytes;
}

function flatten(root: FdtNode): { structure: Uint8Array; strings: Uint8Array } {
  const parts: Uint8Array[] = [];
  const offsets = new Map<string, number>();
  const names: Uint8Array[] = [];
  let stringsSize = 0;
  const cells = (...values: number[]) => parts.push(encodeCells(values));
  const padded = (bytes: Uint8Array) => parts.push(bytes, new Uint8Array(align(bytes.length, 4) - bytes.length));

  const nameOffset = (name: string): number => {
    const known = offsets.get(name);
    if (known !== undefined) return known;
    const bytes = encodeStrings([name]);
    const offset = stringsSize;
    offsets.set(name, offset);
    names.push(bytes);
    stringsSize += bytes.length;
    return offset;
  };
  const visit = (node: FdtNode): void => {
    cells(Token.BEGIN_NODE);
    padded(encodeStrings([node.name]));
    for (const [name, value] of node.properties) {
      cells(Token.PROP, value.length, nameOffset(name));
      padded(value);
    }
    node.children.forEach(visit);
    cells(Token.END_NODE);
  };
  visit(root);
  cells(Token.END);
  return { structure: Buffer.concat(parts), strings: Buffer.concat(names) };
}

/** `name` is the file's, for messages. */
export function readFdt(name: string, bytes: Uint8Array): Fdt {
  try {
    return parse(bytes);
  } catch (error) {
    const reason = error instanceof RangeError ? "it is cut short" : (error as Error).message;
    throw new VkrunError("ERR_VKRUN_DTB_INVALID", `The device tree ${name} cannot be used: ${reason}.`, {
      hint: "Give a flattened device tree as dtc -O dtb makes it.",
      cause: error,
    });
  }
}

/** Raises a plain Error with the reason, or the RangeError of a DataView read beyond the end. */
function parse(bytes: Uint8Array): Fdt {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_SIZE || view.getUint32(0) !== MAGIC) throw new Error("it is not a flattened device tree");
  const [total = 0, structureAt = 0, stringsAt = 0, reservationsAt = 0, , compatible = 0] = Array.from(
    { length: 6 },
    (_, index) => view.getUint32(4 + index * 4),
  );
  if (compatible > VERSION) throw new Error(`it needs a reader of version ${compatible}`);
  if (total > bytes.length) throw new Error("it is cut short");
  if (total > MAX_FDT_SIZE) throw new Error(`it is ${total} bytes long; at most ${MAX_FDT_SIZE} are possible`);
  const tree = new DataView(bytes.buffer, bytes.byteOffset, total);
  return { root: parseStructure(tree, structureAt, stringsAt), reservations: parseReservations(tree, reservationsAt) };
}

function parseReservations(view: DataView, start: number): FdtReservation[] {
  const reservations: FdtReservation[] = [];
  for (let offset = start; ; offset += RESERVATION_SIZE) {
    const [address, size] = [view.getBigUint64(offset), view.getBigUint64(offset + 8)];
    if (address === 0n && size === 0n) return reservations;
    reservations.push({ address, size });
  }
}

function parseStructure(view: DataView, start: number, stringsAt: number): FdtNode {
  const stack: FdtNode[] = [];
  let root: FdtNode | undefined;
  let offset = start;
  for (;;) {
    const token = view.getUint32(offset);
    offset += 4;
    const current = stack[stack.length - 1];
    switch (token) {
      case Token.BEGIN_NODE: {
        const name = stringAt(view, offset);
        offset += align(name.length + 1, 4);
        if (root && !current) throw new Error("it has two roots");
        if (stack.length >= MAX_DEPTH) throw new Error("its nodes nest too deeply");
        const node = current ? current.add(name) : new FdtNode(name);
        root ??= node;
        stack.push(node);
        break;
      }
      case Token.END_NODE:
        if (!current) throw new Error("a node ends that never began");
        stack.pop();
        break;
      case Token.PROP: {
        if (!current) throw new Error("a property stands outside of all nodes");
        const length = view.getUint32(offset);
        const name = stringAt(view, stringsAt + view.getUint32(offset + 4));
        if (offset + 8 + length > view.byteLength) throw new Error("a property lies beyond its end");
        current.set(name, new Uint8Array(view.buffer, view.byteOffset + offset + 8, length));
        offset += 8 + align(length, 4);
        break;
      }
      case Token.NOP:
        break;
      case Token.END:
        if (!root || stack.length > 0) throw new Error("it ends inside a node");
        return root;
      default:
        throw new Error(`unknown token ${token}`);
    }
  }
}

function stringAt(view: DataView, offset: number): string {
  let text = "";
  for (let index = offset; ; index++) {
    const byte = view.getUint8(index);
    if (byte === 0) return text;
    if (byte > 0x7e || text.length >= MAX_NAME) throw new Error("a name in it is garbled");
    text += String.fromCharCode(byte);
  }
}
