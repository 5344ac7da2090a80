/**
 * SBI's debug console (DBCN), an extension without interrupts: it shares the serial port's user. What the guest reads
 * has come through the InputGate like any other input, so a read finds what had arrived by the last slice.
 */

import type { CharBackend } from "../backends/char-backend.js";
import type { InputGate } from "../devices/device.js";

interface SavedSbiConsole {
  arrived: Uint8Array[];
  reading: boolean;
  pieces: number;
}

export class SbiConsole {
  readonly #backend: CharBackend;
  readonly #input: InputGate;
  #arrived: Uint8Array[] = [];
  #reading = false;
  #pieces = 0;

  constructor(backend: CharBackend, input: InputGate) {
    this.#backend = backend;
    this.#input = input;
  }

  write(bytes: Uint8Array): void {
    this.#backend.write(bytes);
  }

  read(into: Uint8Array): number {
    // A guest that reads here does not read the serial port: from now on the user types to this console.
    if (!this.#reading) this.#attach();
    let length = 0;
    while (length < into.length) {
      const first = this.#arrived[0];
      if (first === undefined) break;
      const piece = first.subarray(0, into.length - length);
      into.set(piece, length);
      length += piece.length;
      if (piece.length === first.length) this.#arrived.shift();
      else this.#arrived[0] = first.subarray(piece.length);
    }
    return length;
  }

  save(): SavedSbiConsole {
    return { arrived: this.#arrived.map((piece) => piece.slice()), reading: this.#reading, pieces: this.#pieces };
  }

  restore(state: unknown): void {
    const { arrived, reading, pieces } = state as SavedSbiConsole;
    this.#arrived = [...arrived];
    this.#pieces = pieces;
    if (reading) this.#attach();
  }

  #attach(): void {
    this.#reading = true;
    this.#backend.attach((bytes) => {
      const label = `sbi:input:${this.#pieces++}`;
      this.#input.post(label, (payload) => void this.#arrived.push(payload ?? bytes), bytes);
    });
  }
}
