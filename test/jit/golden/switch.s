# A jump through a register: by a table to where such jumps were seen to go, or out of the region.
    li a0, 5
1:  andi a1, a0, 1
    slli a1, a1, 3
    auipc a2, 0
    add a2, a2, a1
    jr 12(a2)
    addi a3, a3, 1
    j 2f
    addi a4, a4, 2
2:  addi a0, a0, -1
    bnez a0, 1b
    ebreak
