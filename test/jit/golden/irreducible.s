# A loop with two entries: one edge has to leave the region.
    beqz a0, 2f
1:  addi a1, a1, 1
    j 2f
2:  addi a2, a2, 1
    addi a0, a0, -1
    bnez a0, 1b
    ebreak
