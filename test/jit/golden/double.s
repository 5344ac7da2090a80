# Double arithmetic: wasm's own where that cannot be told, the core's elsewhere.
1:  fadd.d fa0, fa0, fa1
    fmul.d fa2, fa0, fa0, rne
    fnmsub.d fa3, fa2, fa0, fa1
    flt.d a1, fa0, fa3
    bnez a1, 1b
    ebreak
