# Atomics go through the register file in memory.
1:  amoadd.w a1, a2, (a0)
    lr.d a3, (a0)
    sc.d a4, a3, (a0)
    bnez a4, 1b
    ebreak
