# Shifts that make a rotation: of a word, of a doubleword, and not one where the operand was written in between.
    slliw a1, a0, 7
    srliw a2, a0, 25
    or a3, a1, a2
    slli a4, a0, 13
    srli a5, a0, 51
    xor a6, a4, a5
    slliw a1, a0, 3
    addi a0, a0, 1
    srliw a2, a0, 29
    or a7, a1, a2
    ebreak
