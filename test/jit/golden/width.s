# Only the last of these words has a sign that somebody may see; behind the load, which may leave, that goes for a5, too.
    addw a0, a1, a2
    slliw a0, a0, 3
    srlw a0, a0, a3
    sraiw a0, a0, 2
    addiw a5, a0, 1
    lw a4, 0(a6)
    mulw a4, a4, a5
    subw a4, a4, a0
    ebreak
