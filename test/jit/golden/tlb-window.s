# The same where a locked PMP entry forbids a page: by the TLB.
    lw a0, 8(a1)
    sb a0, 0(a2)
    sd a0, -8(a3)
    ebreak
