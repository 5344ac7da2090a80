# A diamond in a loop: both arms meet again.
1:  bltz a0, 2f
    addi a1, a1, 1
    j 3f
2:  addi a1, a1, -1
3:  addi a0, a0, -1
    bnez a0, 1b
    ebreak
