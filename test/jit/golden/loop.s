# One block that leads to itself.
1:  addi a0, a0, 1
    bne a0, a1, 1b
    ebreak
