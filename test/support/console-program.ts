// A small bare-metal program with an interrupt-driven UART, a timer and the test finisher, for tests of the host side.

import { assemble, type BareMetalProgram } from "./riscv-toolchain.js";

/**
 * Prints "ready", then obeys single keys and echoes any other:
 *   p  powers off         f  fails with code 42 (test finisher)      r  asks for a reset (test finisher)
 *   t  sleeps (wfi) until a timer of 100 ms, prints "tick"           c  counts, printing "." for every 10 ms of guest time, for ever
 *   s  spins for ever     l  prints 64 KiB of "x"
 */
const SOURCE = `
  .equ UART, 0x10000000
  .equ FINISHER, 0x100000
  .equ MTIMECMP, 0x2004000
  .equ MTIME, 0x200bff8
  .section .text.start, "ax"
  .globl _start
_start:
  la sp, stack_top
  la t0, trap
  csrw mtvec, t0
  li s0, UART
  # UART: 8 bits, FIFO on, DTR and RTS on so that the other end sends; interrupt on received data.
  li t0, 3
  sb t0, 3(s0)
  li t0, 1
  sb t0, 2(s0)
  li t0, 0xb
  sb t0, 4(s0)
  li t0, 1
  sb t0, 1(s0)
  # PLIC: source 10 at priority 1 for context 0.
  li t0, 0xc000028
  li t1, 1
  sw t1, 0(t0)
  li t0, 0xc002000
  li t1, 1 << 10
  sw t1, 0(t0)
  li t0, 0xc200000
  sw zero, 0(t0)
  li t0, 0x880
  csrw mie, t0
  li t0, MTIMECMP
  li t1, -1
  sd t1, 0(t0)
  la a0, ready
  call puts
main:
  # Received data first, then sleep: with interrupts off in mstatus, wfi still wakes for them.
  lbu t0, 5(s0)
  andi t0, t0, 1
  bnez t0, key
  call claim
  wfi
  j main
key:
  lbu s1, 0(s0)
  call claim
  li t0, 'p'
  beq s1, t0, power_off
  li t0, 'f'
  beq s1, t0, fail
  li t0, 'r'
  beq s1, t0, restart
  li t0, 't'
  beq s1, t0, sleep
  li t0, 'c'
  beq s1, t0, count
  li t0, 's'
  beq s1, t0, spin
  li t0, 'l'
  beq s1, t0, flood
  mv a0, s1
  call putc
  j main

power_off:
  li t1, 0x5555
  j finish
fail:
  li t1, (42 << 16) | 0x3333
  j finish
restart:
  li t1, 0x7777
finish:
  li t0, FINISHER
  sw t1, 0(t0)
spin:
  j spin

sleep:
  li a0, 1000000
  call wait
  la a0, tick
  call puts
  j main

count:
  li a0, 100000
  call wait
  li a0, '.'
  call putc
  j count

flood:
  li s2, 65536
1: li a0, 'x'
  call putc
  addi s2, s2, -1
  bnez s2, 1b
  li a0, 10
  call putc
  j main

# Sleeps for a0 ticks of 100 ns.
wait:
  li t0, MTIME
  ld t1, 0(t0)
  add t1, t1, a0
  li t2, MTIMECMP
  sd t1, 0(t2)
1: wfi
  ld t3, 0(t0)
  bltu t3, t1, 1b
  li t3, -1
  sd t3, 0(t2)
  ret

# Claims and completes whatever the PLIC has.
claim:
  li t0, 0xc200004
  lw t1, 0(t0)
  sw t1, 0(t0)
  ret

puts:
  mv s3, a0
  mv s4, ra
1: lbu a0, 0(s3)
  beqz a0, 2f
  call putc
  addi s3, s3, 1
  j 1b
2: mv ra, s4
  ret

putc:
  lbu t0, 5(s0)
  andi t0, t0, 0x20
  beqz t0, putc
  sb a0, 0(s0)
  ret

  .balign 4
trap:
  j trap

  .section .rodata
ready: .asciz "ready\\n"
tick: .asciz "tick\\n"
  .bss
  .balign 16
  .skip 1024
stack_top:
`;

export function consoleProgram(): Promise<BareMetalProgram> {
  return assemble(SOURCE);
}
