# The last instruction of a page: what follows lies in another.
    .org 0xff8
1:  addi a0, a0, 1
    bnez a0, 1b
