# The TLB's fast path inline, the rest by a call.
1:  ld a1, 8(a0)
    sw a1, -4(a0)
    lbu a2, 0(a0)
    addi a0, a0, 8
    bne a0, a3, 1b
    ebreak
