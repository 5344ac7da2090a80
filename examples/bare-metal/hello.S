# Prints a line on the UART and ends with exit status 0. Starts in M mode at 0x8000_0000, with nothing set up.
    .globl _start
_start:
    li t0, 0x10000000           # ns16550a: writing register 0 sends a byte
    la t1, text
1:  lbu t2, 0(t1)
    beqz t2, 2f
    sb t2, 0(t0)
    addi t1, t1, 1
    j 1b
2:  li t0, 0x100000             # test finisher
    li t1, 0x5555               # pass; (code << 16) | 0x3333 fails with that code
    sw t1, 0(t0)
3:  j 3b

text:
    .asciz "Hello from M mode\n"
