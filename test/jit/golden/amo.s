# Atomics: alignment, then plain loads and stores; the reservation is in memory.
1:  amoadd.w a1, a2, (a0)
    lr.d a3, (a0)
    sc.d a4, a3, (a0)
    bnez a4, 1b
    ebreak
