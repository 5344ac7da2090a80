// What every bare-metal test program stands on. Runs in M mode from 0x8000_0000, unchanged under QEMU's `virt` and
// under vkrun; prints one line for each group, "name hash", and ends by the test finisher.
//
// Registers that a group must leave alone: sp, s10 (hash multiplier), s11 (running hash), t5 and t6 (MIX).
// A group is entered by a jump and ends with a jump to group_done.

    .option nopic
    .option norvc
    .option norelax
    .equ UART, 0x10000000
    .equ UART_LSR, 5
    .equ UART_LSR_THRE, 0x20
    .equ FINISHER, 0x100000
    .equ MTIMECMP, 0x02004000
    .equ FINISHER_PASS, 0x5555

// Takes a register's value into the running hash; a verbose program prints it too.
    .macro MIX reg
    xor s11, s11, \reg
    mul s11, s11, s10
    srli t6, s11, 29
    xor s11, s11, t6
    .ifdef VERBOSE
    mv t5, \reg
    jal t6, show
    .endif
    .endm

    .section .text.start, "ax"
    .globl _start
_start:
    la sp, stack_top
    la t0, skip_trap
    csrw mtvec, t0
    la t0, trap_save
    csrw mscratch, t0
    li t0, 0x6000               // mstatus.FS = dirty
    csrs mstatus, t0
    la s0, group_table
next_group:
    ld t0, 0(s0)
    beqz t0, finish
    la t1, current_group
    sd s0, 0(t1)
    ld a0, 8(s0)
    call print_string
    li a0, ' '
    call print_char
    .ifdef VERBOSE
    li a0, '\n'
    call print_char
    .endif
    la t1, trap_hash
    sd zero, 0(t1)
    csrw fcsr, zero
    li s10, 0x9e3779b97f4a7c15
    li s11, 0
    ld t0, 0(s0)
    jr t0

    .globl group_done
group_done:
    la sp, stack_top
    la t1, trap_hash            // traps that the group took, expected or not, are part of its result
    ld t1, 0(t1)
    MIX t1
    mv a0, s11
    call print_hex
    li a0, '\n'
    call print_char
    la t1, current_group
    ld s0, 0(t1)
    addi s0, s0, 16
    j next_group

finish:
    li t0, FINISHER
    li t1, FINISHER_PASS
    sw t1, 0(t0)
1:  j 1b

// a0: character. Changes t0, t1.
print_char:
    li t0, UART
1:  lbu t1, UART_LSR(t0)
    andi t1, t1, UART_LSR_THRE
    beqz t1, 1b
    sb a0, 0(t0)
    ret

// a0: string. Changes a0-a2, t0, t1.
print_string:
    mv a1, a0
    mv a2, ra
1:  lbu a0, 0(a1)
    beqz a0, 2f
    call print_char
    addi a1, a1, 1
    j 1b
2:  jr a2

// a0: value, printed as 16 hexadecimal digits. Changes a0-a3, t0, t1.
    .globl print_hex
print_hex:
    mv a1, a0
    mv a2, ra
    li a3, 60
1:  srl a0, a1, a3
    andi a0, a0, 15
    sltiu t0, a0, 10
    bnez t0, 2f
    addi a0, a0, 'a' - '0' - 10
2:  addi a0, a0, '0'
    call print_char
    addi a3, a3, -4
    bgez a3, 1b
    jr a2

// t5: value, printed on a line of its own; t6: return address. Changes nothing else.
show:
    addi sp, sp, -64
    sd ra, 0(sp)
    sd a0, 8(sp)
    sd a1, 16(sp)
    sd a2, 24(sp)
    sd a3, 32(sp)
    sd t0, 40(sp)
    sd t1, 48(sp)
    mv a0, t5
    call print_hex
    li a0, '\n'
    call print_char
    ld ra, 0(sp)
    ld a0, 8(sp)
    ld a1, 16(sp)
    ld a2, 24(sp)
    ld a3, 32(sp)
    ld t0, 40(sp)
    ld t1, 48(sp)
    addi sp, sp, 64
    jr t6

    .ifdef VERBOSE
// Between the instructions of a random program: prints a hash of all registers and the address. Entered by jal x4.
// Changes x4 alone: memory_base holds what such programs keep in x3.
trace:
    la x3, trace_save
    sd x4, 32(x3)
    .irp n, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sd x\n, \n * 8(x3)
    .endr
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fsd f\n, 256 + \n * 8(x3)
    .endr
    csrr x5, fcsr
    sd x5, 512(x3)
    la sp, stack_top
    mv a0, x4
    call print_hex
    li a0, ' '
    call print_char
    li a5, 5
    li a4, 0
    li a6, 0x9e3779b97f4a7c15
1:  slli a3, a5, 3
    add a3, a3, x3
    ld a0, 0(a3)
    xor a4, a4, a0
    mul a4, a4, a6
    srli a3, a4, 29
    xor a4, a4, a3
    addi a5, a5, 1
    addi a3, a5, -65
    bnez a3, 1b
    mv a0, a4
    call print_hex
    li a0, '\n'
    call print_char
    .irp n, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    ld x\n, \n * 8(x3)
    .endr
    ld x4, 32(x3)
    la x3, memory_base
    ld x3, 0(x3)
    jr x4
    .endif

// Takes mcause, mtval and the offset of mepc from the group's start into trap_hash and steps over the instruction.
    .balign 4
skip_trap:
    csrrw x3, mscratch, x3
    sd x4, 0(x3)
    sd x5, 8(x3)
    sd x6, 16(x3)
    la x4, trap_hash
    ld x5, 0(x4)
    csrr x6, mcause
    xor x5, x5, x6
    li x6, 0x9e3779b97f4a7c15
    mul x5, x5, x6
    csrr x4, mtval
    csrr x6, mcause
    addi x6, x6, -3             // a breakpoint's mtval may be its address or zero (Privileged 3.1.16)
    bnez x6, 1f
    li x4, 0
1:  li x6, 0x9e3779b97f4a7c15
    xor x5, x5, x4
    mul x5, x5, x6
    la x4, current_group
    ld x4, 0(x4)
    ld x4, 0(x4)
    csrr x6, mepc
    sub x4, x6, x4
    xor x5, x5, x4
    srli x4, x5, 31
    xor x5, x5, x4
    la x4, trap_hash
    sd x5, 0(x4)
    lhu x4, 0(x6)               // 2-byte loads only: a compressed instruction may end its page
    andi x4, x4, 3
    addi x4, x4, -3
    addi x6, x6, 2
    bnez x4, 1f
    addi x6, x6, 2
1:  csrw mepc, x6
    ld x4, 0(x3)
    ld x5, 8(x3)
    ld x6, 16(x3)
    csrrw x3, mscratch, x3
    mret

    .bss
    .balign 16
    .globl trap_hash, scratch
trap_save: .space 32
memory_base: .space 8
    .ifdef VERBOSE
trace_save: .space 520
    .endif
trap_hash: .space 8
current_group: .space 8
stack: .space 4096
stack_top:
    .balign 4096
scratch: .space 16384           // for groups that load and store
    .globl tables
tables: .space 12 * 4096        // for page tables
