# To integers: towards zero, and as frm says; to and from doubles that hold them exactly or not.
    fcvt.w.d a0, fa0, rtz
    fcvt.lu.d a1, fa0, dyn
    fcvt.d.w fa1, a0
    fcvt.d.l fa2, a1
    fmv.d fa3, fa2
    fcvt.s.d fa4, fa3
    ebreak
