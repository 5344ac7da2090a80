# By zero and -1 without a trap; high products out of 32-bit ones.
    div a0, a1, a2
    remu a3, a1, a2
    divw a4, a1, a2
    mulhsu a5, a1, a2
    ebreak
