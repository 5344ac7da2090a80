# Entry of a bare-metal kernel in M mode at 0x8000_0000, on QEMU's virt platform.
    .section .text.start, "ax"
    .globl _start
_start:
    csrr t0, mhartid
    bnez t0, park
    li t0, 0x2000               # mstatus.FS = Initial: floating point on
    csrs mstatus, t0
    la sp, stack_top
    la t0, bss_start
    la t1, bss_end
1:  bgeu t0, t1, 2f
    sd zero, 0(t0)
    addi t0, t0, 8
    j 1b
2:  call start
park:
    wfi
    j park
