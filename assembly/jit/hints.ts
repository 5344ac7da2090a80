// Which branches of a module are rarely taken: its section `metadata.code.branch_hint` (branch hinting proposal).
//
// Behind such a branch V8 may do what is dear: registers are saved there, around the call of a helper, instead of on
// the way that is mostly taken. Without hints every guest register lives in memory (docs/adr/0008).
//
//   section  count of functions, then for each its index, count of hints, and (offset, 1, 0) each: the branch at
//            this offset of the function is unlikely

import { JIT_BODY, JIT_HINTS, JIT_MARKS } from "../layout";
import { Emitter } from "./emitter";

export class Hints {
  private static marks: u32 = 0;
  private static functions: u32 = 0;
  private static end: usize = JIT_HINTS;

  /** Begins a module. */
  static clear(): void {
    Hints.functions = 0;
    Hints.end = JIT_HINTS;
  }

  /** Begins a function, whose body is being written at JIT_BODY. */
  static open(): void {
    Hints.marks = 0;
  }

  /** The branch about to be written at `at` is unlikely. */
  static mark(at: usize): void {
    store<u32>(JIT_MARKS + ((<usize>Hints.marks) << 2), <u32>(at - JIT_BODY));
    Hints.marks++;
  }

  /** Ends function `index`, whose body came to lie `shift` bytes behind the function's first byte. */
  static close(index: u32, shift: u32): void {
    const back = Emitter.end;
    Emitter.beginAt(Hints.end);
    Emitter.u32(index);
    Emitter.u32(Hints.marks);
    for (let i: u32 = 0; i < Hints.marks; i++) {
      Emitter.u32(load<u32>(JIT_MARKS + ((<usize>i) << 2)) + shift);
      Emitter.u32(1);
      Emitter.u32(0);
    }
    Hints.end = Emitter.end;
    Hints.functions++;
    Emitter.beginAt(back);
  }

  /** Appends the section's content. */
  static append(): void {
    Emitter.u32(Hints.functions);
    Emitter.append(JIT_HINTS, Hints.end);
  }
}
