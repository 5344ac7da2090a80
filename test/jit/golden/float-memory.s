# Loads, stores and moves of floating-point registers; singles are boxed.
1:  fld fa0, 0(a0)
    flw fa1, 8(a0)
    fsgnjn.d fa2, fa0, fa0
    fmv.x.w a2, fa1
    fsd fa2, 16(a0)
    addi a0, a0, 8
    bne a0, a1, 1b
    ebreak
