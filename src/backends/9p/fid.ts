import type { Descriptor } from "./descriptor.js";
import { LinuxError } from "./linux-error.js";

/** An extended attribute that is read, or written piece by piece and set when the fid is clunked. */
export type AttributeAccess =
  | { readonly kind: "read"; readonly value: Uint8Array }
  | {
      readonly kind: "write";
      readonly name: Uint8Array;
      readonly flags: number;
      readonly value: Uint8Array;
      written: number;
    };

export interface FidOptions {
  readonly file: Descriptor;
  readonly type: number;
  readonly uid: number;
}

/** A number by which the guest knows a file. It holds its file until it is released. */
export class Fid implements Disposable {
  /** The guest's user who attached. */
  readonly uid: number;
  /** st_mode's file type, as the guest knows it. */
  type: number;
  /** Flags of the host that it was opened with. Without them it only says which file. */
  flags: number | undefined;
  attribute: AttributeAccess | undefined;
  #file: Descriptor;

  constructor({ file, type, uid }: FidOptions) {
    this.#file = file;
    this.type = type;
    this.uid = uid;
  }

  /** For a call: `using file = fid.hold()`. */
  hold(): Descriptor {
    return this.#file.hold();
  }

  /** What the fid stands for is open now, or another file. Takes the descriptor over. */
  become(file: Descriptor, type: number, flags: number): void {
    if (this.flags !== undefined || this.attribute !== undefined) {
      // Two calls opened it at once.
      file[Symbol.dispose]();
      throw new LinuxError("EBUSY");
    }
    this.#file[Symbol.dispose]();
    this.#file = file;
    this.type = type;
    this.flags = flags;
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}
