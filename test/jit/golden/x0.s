# x0 is the constant 0, and writes to it vanish, all but the access of a load.
1:  add a0, zero, a1
    add zero, a1, a1
    lw zero, 0(a0)
    sd zero, 0(a0)
    bne a0, zero, 1b
    ebreak
