# Zba, Zbb, Zbs and czero.nez; words in the low half.
    .option arch, +zba, +zbb, +zbs
    sh2add a0, a1, a2
    zext.w a3, a1
    max a4, a1, a2
    rev8 a5, a1
    orc.b a6, a1
    bclr a7, a1, a2
    .insn r OP, 7, 7, t0, a1, a2
    srliw t1, a1, 3
    subw t2, a1, a2
    ebreak
