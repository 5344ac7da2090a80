// Writes wasm binary code into linear memory, wherever it is told to begin.

import { Hints } from "./hints";
import { Wasm } from "./wasm";

export class Emitter {
  private static at: usize = 0;

  static beginAt(at: usize): void {
    Emitter.at = at;
  }

  static append(from: usize, end: usize): void {
    memory.copy(Emitter.at, from, end - from);
    Emitter.at += end - from;
  }

  static raw32(value: u32): void {
    store<u32>(Emitter.at, value);
    Emitter.at += 4;
  }

  static raw64(value: u64): void {
    store<u64>(Emitter.at, value);
    Emitter.at += 8;
  }

  static openSection(id: u32): usize {
    Emitter.byte(id);
    return Emitter.openLength();
  }

  /** A name of one ASCII character. */
  static letter(character: u32): void {
    Emitter.u32(1);
    Emitter.byte(character);
  }

  /** A function type; each byte of `parameters`, lowest first, is a value type. */
  static signature(parameters: u64, result: Wasm): void {
    Emitter.op(Wasm.FUNCTION);
    const count: u32 = 8 - (<u32>clz(parameters) >> 3);
    Emitter.u32(count);
    for (let i: u32 = 0; i < count; i++) Emitter.byte(<u32>(parameters >> ((<u64>i) << 3)) & 0xff);
    Emitter.u32(1);
    Emitter.op(result);
  }

  static get end(): usize {
    return Emitter.at;
  }

  @inline static byte(value: u32): void {
    store<u8>(Emitter.at, <u8>value);
    Emitter.at++;
  }

  static u32(value: u32): void {
    while (value > 0x7f) {
      Emitter.byte((value & 0x7f) | 0x80);
      value >>= 7;
    }
    Emitter.byte(value);
  }

  static s64(value: i64): void {
    while (true) {
      const low = <u32>value & 0x7f;
      value >>= 7;
      if ((value == 0 && !(low & 0x40)) || (value == -1 && low & 0x40)) {
        Emitter.byte(low);
        return;
      }
      Emitter.byte(low | 0x80);
    }
  }

  /** A length to be filled in: five bytes, so that what follows need not move. */
  static openLength(): usize {
    const at = Emitter.at;
    Emitter.at += 5;
    return at;
  }

  static closeLength(at: usize): void {
    let length = <u32>(Emitter.at - at - 5);
    for (let i: u32 = 0; i < 4; i++) {
      store<u8>(at + i, <u8>((length & 0x7f) | 0x80));
      length >>= 7;
    }
    store<u8>(at + 4, <u8>length);
  }

  /** An `if` whose condition rarely holds (see Hints). */
  static ifUnlikely(): void {
    Hints.mark(Emitter.at);
    Emitter.op(Wasm.IF);
    Emitter.op(Wasm.VOID);
  }

  /** A branch that is rarely taken. */
  static brIfUnlikely(depth: u32): void {
    Hints.mark(Emitter.at);
    Emitter.op(Wasm.BR_IF);
    Emitter.u32(depth);
  }

  static op(code: Wasm): void {
    Emitter.byte(<u32>code);
  }

  static get(local: u32): void {
    Emitter.op(Wasm.LOCAL_GET);
    Emitter.u32(local);
  }

  static set(local: u32): void {
    Emitter.op(Wasm.LOCAL_SET);
    Emitter.u32(local);
  }

  static tee(local: u32): void {
    Emitter.op(Wasm.LOCAL_TEE);
    Emitter.u32(local);
  }

  static i32(value: i32): void {
    Emitter.op(Wasm.I32_CONST);
    Emitter.s64(value);
  }

  static i64(value: i64): void {
    Emitter.op(Wasm.I64_CONST);
    Emitter.s64(value);
  }

  static f64(value: f64): void {
    Emitter.op(Wasm.F64_CONST);
    Emitter.raw64(reinterpret<u64>(value));
  }

  static saturating(code: Wasm): void {
    Emitter.op(Wasm.SATURATING);
    Emitter.u32(code);
  }

  static vector(code: Wasm): void {
    Emitter.op(Wasm.VECTOR);
    Emitter.u32(code);
  }

  /** A load or store with no alignment promised. */
  static memory(code: Wasm, offset: u32): void {
    Emitter.op(code);
    Emitter.u32(0);
    Emitter.u32(offset);
  }

  static br(depth: u32): void {
    Emitter.op(Wasm.BR);
    Emitter.u32(depth);
  }

  /** Calls a function of the core: its place in the table, and one less than its type (see Module). */
  static call(index: u32): void {
    Emitter.callThrough(Wasm.CALL_INDIRECT, index);
  }

  static tailCall(index: u32): void {
    Emitter.callThrough(Wasm.RETURN_CALL_INDIRECT, index);
  }

  private static callThrough(code: Wasm, index: u32): void {
    Emitter.i32(index);
    Emitter.op(code);
    Emitter.u32(1 + index);
    Emitter.u32(0);
  }
}
