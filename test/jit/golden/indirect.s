# A jump through a register leaves the region.
1:  addi a0, a0, 1
    jr a1
