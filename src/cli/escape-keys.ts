/**
 * The keys that are vkrun's own on a terminal, as QEMU and GNU screen have them: Ctrl-A and a second key. All else,
 * Ctrl-C and Ctrl-Z too, goes to the guest.
 */
import { Transform, type TransformCallback } from "node:stream";

const CTRL_A = 0x01;

/** Keys without an action mean nothing. */
export interface EscapeActions {
  help(): void;
  quit?: (() => void) | undefined;
  /** Leave the guest to itself. */
  detach?: (() => void) | undefined;
  /** A checkpoint. */
  save?: (() => void) | undefined;
  /** Less memory for the guest, or more. */
  memory?: ((direction: -1 | 1) => void) | undefined;
}

/** What the keys do, one a line. */
export function escapeHelp(actions: Omit<EscapeActions, "help">): string[] {
  return [
    ...(actions.quit ? ["Ctrl-A x       end the guest, without asking it"] : []),
    ...(actions.detach ? ["Ctrl-A d       leave the guest, which goes on"] : []),
    ...(actions.save ? ["Ctrl-A s       save the guest to a checkpoint, and go on"] : []),
    ...(actions.memory ? ["Ctrl-A - / +   take 64 MiB of the guest's memory, or give them back"] : []),
    "Ctrl-A h       show this help",
    "Ctrl-A Ctrl-A  send Ctrl-A to the guest (also: Ctrl-A a)",
  ];
}

export class EscapeKeys extends Transform {
  readonly #actions: EscapeActions;
  #escaped = false;

  constructor(actions: EscapeActions) {
    super();
    this.#actions = actions;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const typed: number[] = [];
    for (const byte of chunk) {
      if (!this.#escaped && byte === CTRL_A) this.#escaped = true;
      else if (this.#escaped) {
        this.#escaped = false;
        this.#command(byte, typed);
      } else typed.push(byte);
    }
    done(null, Buffer.from(typed));
  }

  /** A second key that means nothing is swallowed with the first: typing it on to the guest would surprise. */
  #command(byte: number, typed: number[]): void {
    const key = String.fromCharCode(byte).toLowerCase();
    if (byte === CTRL_A || key === "a") typed.push(CTRL_A);
    else if (key === "x") this.#actions.quit?.();
    else if (key === "d") this.#actions.detach?.();
    else if (key === "h" || key === "?") this.#actions.help();
    else if (key === "s") this.#actions.save?.();
    else if (key === "-") this.#actions.memory?.(-1);
    else if (key === "+") this.#actions.memory?.(1);
  }
}
