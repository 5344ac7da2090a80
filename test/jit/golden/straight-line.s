# Computation without a branch; the region ends where the page does not know on.
    add a0, a1, a2
    slli a3, a0, 5
    addiw a3, a3, -7
    lui a4, 0x12345
    auipc a5, 0
    mulhu a6, a0, a3
    ebreak
