// Runs instructions on a real RISC-V hart model: test/support/fp-oracle.c under qemu-riscv64.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { RECORD_WORDS } from "./operands.js";

const COMPILER = "riscv64-linux-gnu-gcc";
const EMULATORS = ["qemu-riscv64-static", "qemu-riscv64"];
const SOURCE = fileURLToPath(new URL("../../support/fp-oracle.c", import.meta.url));

export interface Request {
  readonly instruction: string;
  readonly rm: number;
  /** RECORD_WORDS words an execution. */
  readonly operands: BigUint64Array;
}

export class Oracle implements Disposable {
  private constructor(
    private readonly emulator: string,
    private readonly directory: string,
  ) {}

  static async create(): Promise<Oracle> {
    const emulator = await Oracle.findEmulator();
    const directory = mkdtempSync(join(tmpdir(), "vkrun-fp-oracle-"));
    const program = join(directory, "fp-oracle");
    const options = ["-O2", "-Wall", "-Werror", "-static", "-march=rv64gc", "-mabi=lp64d"];
    const result = await execa(COMPILER, [...options, "-o", program, SOURCE], { reject: false, timeout: 60_000 });
    if (result.exitCode !== 0) {
      rmSync(directory, { recursive: true, force: true });
      if (result.code === "ENOENT") throw new Error(`${COMPILER} is missing: apt-get install gcc-riscv64-linux-gnu`);
      throw new Error(`cannot compile ${SOURCE}: ${result.stderr}`);
    }
    return new Oracle(emulator, directory);
  }

  /** One (result, fflags) pair of words for each execution, request after request. */
  async answer(requests: readonly Request[]): Promise<BigUint64Array[]> {
    const { stdout } = await execa(this.emulator, [join(this.directory, "fp-oracle")], {
      input: Buffer.concat(requests.map(encode)),
      encoding: "buffer",
      maxBuffer: 2 ** 31 - 1,
      timeout: 300_000,
    });
    const answers: BigUint64Array[] = [];
    let start = 0;
    for (const { operands } of requests) {
      const end = start + (operands.length / RECORD_WORDS) * 16;
      if (end > stdout.length) throw new Error("the oracle's output is too short");
      answers.push(new BigUint64Array(stdout.slice(start, end).buffer));
      start = end;
    }
    return answers;
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  private static async findEmulator(): Promise<string> {
    for (const name of EMULATORS) {
      const { exitCode } = await execa(name, ["--version"], { reject: false, timeout: 20_000 });
      if (exitCode === 0) return name;
    }
    throw new Error(`${EMULATORS.join(" or ")} is missing: apt-get install qemu-user-static`);
  }
}

function encode({ instruction, rm, operands }: Request): Buffer {
  const header = Buffer.alloc(24);
  header.write(instruction, 0, 16, "latin1");
  header.writeUInt32LE(rm, 16);
  header.writeUInt32LE(operands.length / RECORD_WORDS, 20);
  return Buffer.concat([header, Buffer.from(operands.buffer, operands.byteOffset, operands.byteLength)]);
}
