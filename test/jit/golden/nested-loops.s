# Two loops, the inner one left in its middle.
1:  li a1, 10
2:  beq a0, a2, 3f
    addi a0, a0, 1
    addi a1, a1, -1
    bnez a1, 2b
    addi a3, a3, -1
    bnez a3, 1b
3:  ebreak
