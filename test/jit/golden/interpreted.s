# What has no lowering ends the region in front of it.
1:  addi a0, a0, -1
    csrr a1, instret
    bnez a0, 1b
    ebreak
