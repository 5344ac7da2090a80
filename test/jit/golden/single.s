# Operands that are boxed for certain, and one that may not be; a fused multiply-add by way of doubles.
    flw fa0, 0(a0)
    fmadd.s fa1, fa0, fa0, fa2
    fmul.s fa3, fa1, fa0
    fsgnjx.s fa4, fa3, fa1
    flt.s a1, fa3, fa4
    fcvt.d.s fa5, fa4
    fsw fa3, 4(a0)
    ebreak
