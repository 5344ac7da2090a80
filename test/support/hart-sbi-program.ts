// A kernel that does nothing but SBI calls and prints what they answer, for the built-in SBI and for OpenSBI under QEMU.
// Both load it as a raw image where a kernel goes behind firmware, and enter it in S mode.

import { mkdtempSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { Privilege } from "../../src/generated/shared/privileged.js";
import { RunExit } from "../../src/generated/shared/run-exit.js";
import { HartMachine } from "./hart-machine.js";

const COMPILER = "riscv64-linux-gnu-gcc";
const OBJCOPY = "riscv64-linux-gnu-objcopy";
const QEMU = "qemu-system-riscv64";
const OPENSBI = "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin";
/** Where QEMU puts a kernel behind fw_dynamic: the next 2 MiB. */
const KERNEL = 0x8020_0000n;
const UART_THR = 0x1000_0000;
const UART_LSR = 0x1000_0005;
const LSR_IDLE = 0x60;
const BEGIN = "BEGIN\n";

/** Calls with a0, a1... = `args`, and prints a line `name a0 a1`. */
export function call(name: string, extension: number, fid: number, ...args: (number | string)[]): string {
  return `${setArguments(extension, fid, args)}\n  ecall\n${report(name, "a0", "a1")}`;
}

/** As `call`, printing only the error: a1 means nothing beside one. */
export function error(name: string, extension: number, fid: number, ...args: (number | string)[]): string {
  return `${setArguments(extension, fid, args)}\n  ecall\n${report(name, "a0", "zero")}`;
}

function setArguments(extension: number, fid: number, args: readonly (number | string)[]): string {
  const values = [...args, 0, 0, 0, 0, 0].slice(0, 5).map((value, i) => `  li a${i}, ${value}`);
  return [...values, `  li a6, ${fid}`, `  li a7, ${extension}`].join("\n");
}

let strings = 0;

/** Prints a line `name first second`. All registers but a0, a1 and t0 to t6 stay. */
export function report(name: string, first: string, second: string): string {
  const label = `string_${strings++}`;
  return `
  mv t5, ${first}
  mv t6, ${second}
  la t0, ${label}
  jal t1, print_string
  mv t2, t5
  jal t1, print_hex
  mv t2, t6
  jal t1, print_hex
  jal t1, print_newline
  .pushsection .rodata
${label}: .asciz "${name}"
  .popsection
`;
}

/** What a program may use besides instructions. It comes in with a0 = hart id and ends in `shutdown`. */
const PRELUDE = `
.option norvc
.equ UART, 0x10000000

.section .text.start, "ax"
.globl _start
_start:
  la t0, begin
  jal t1, print_string
  j main

print_string:
  lbu t2, 0(t0)
  beqz t2, 2f
  jal t3, print_char
  addi t0, t0, 1
  j print_string
2: jr t1

print_hex:
  mv t0, t2
  li t2, ' '
  jal t3, print_char
  li t4, 64
1: addi t4, t4, -4
  srl t2, t0, t4
  andi t2, t2, 15
  sltiu a0, t2, 10
  addi t2, t2, 'a' - 10
  beqz a0, 3f
  addi t2, t2, '0' - 'a' + 10
3: jal t3, print_char
  bnez t4, 1b
  jr t1

print_newline:
  li t2, 10
  jal t3, print_char
  jr t1

print_char:
  li a1, UART
4: lbu a0, 5(a1)
  andi a0, a0, 0x20
  beqz a0, 4b
  sb t2, 0(a1)
  jr t3

shutdown:
  li a0, 0
  li a1, 0
  li a6, 0
  li a7, 0x53525354
  ecall
5: j 5b

.section .rodata
begin: .asciz "BEGIN\\n"

.text
`;

export interface SbiProgram extends Disposable {
  readonly imagePath: string;
}

/** Assembles PRELUDE and `source`, which defines `main`. */
export async function assembleSbiProgram(source: string): Promise<SbiProgram> {
  const directory = mkdtempSync(join(tmpdir(), "vkrun-sbi-"));
  const dispose = (): void => rmSync(directory, { recursive: true, force: true });
  const path = (name: string): string => join(directory, name);
  try {
    await writeFile(path("program.S"), PRELUDE + source);
    await writeFile(
      path("program.ld"),
      `ENTRY(_start) SECTIONS { . = ${KERNEL}; .text : { *(.text.start) *(.text*) } .rodata : { *(.rodata*) } .data : { *(.data*) *(.bss*) } }`,
    );
    await execa(COMPILER, [
      ...["-nostdlib", "-static", "-no-pie", "-march=rv64gc", "-mabi=lp64d", "-mcmodel=medany"],
      ...[`-Wl,-T,${path("program.ld")}`, "-Wl,--build-id=none", "-Wl,--no-relax", "-Wl,--no-warn-rwx-segments"],
      ...["-o", path("program.elf"), path("program.S")],
    ]);
    await execa(OBJCOPY, ["-O", "binary", path("program.elf"), path("program.bin")]);
  } catch (cause) {
    dispose();
    throw new Error("cannot assemble an SBI program: are gcc-riscv64-linux-gnu and its binutils installed?", { cause });
  }
  return { imagePath: path("program.bin"), [Symbol.dispose]: dispose };
}

/** What the program prints behind BEGIN, under the built-in SBI. */
export async function runOnBuiltInSbi(program: SbiProgram): Promise<string> {
  let output = "";
  const machine = await HartMachine.create({
    host: {
      mmioLoad: (gpa) => (gpa === UART_LSR ? LSR_IDLE : 0),
      mmioStore: (gpa, _size, value) => {
        if (gpa === UART_THR) output += String.fromCharCode(value & 0xff);
      },
    },
  });
  machine.write(KERNEL, await readFile(program.imagePath));
  machine.reset(KERNEL, Privilege.S, { sbi: true });
  const TICK_EACH_64 = 2 ** 32 / 64;
  machine.setClock(0n, TICK_EACH_64);
  for (let slices = 0; slices < 100; slices++) {
    const exit = machine.run(1_000_000);
    if (exit === RunExit.Reset) return output.slice(output.indexOf(BEGIN) + BEGIN.length);
    if (exit === RunExit.Idle) {
      if (machine.nextTimer === null) throw new Error(`the program waits for nothing:\n${output}`);
      machine.setClock(machine.nextTimer, TICK_EACH_64);
    }
  }
  throw new Error(`the program does not end:\n${output}`);
}

/** The same under QEMU and OpenSBI. */
export async function runOnOpenSbi(program: SbiProgram): Promise<string> {
  const { stdout, exitCode, stderr, timedOut } = await execa(
    QEMU,
    [
      ...["-M", "virt", "-cpu", "rv64,h=false", "-m", "64M", "-bios", OPENSBI, "-kernel", program.imagePath],
      ...["-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot"],
    ],
    { reject: false, stdin: "ignore", timeout: 60_000, stripFinalNewline: false },
  );
  if (exitCode !== 0 || timedOut) throw new Error(`QEMU with OpenSBI did not come to an end: ${stderr}\n${stdout}`);
  const output = stdout.replaceAll("\r", "");
  return output.slice(output.indexOf(BEGIN) + BEGIN.length);
}
