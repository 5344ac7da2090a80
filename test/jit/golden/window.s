# Untranslated: a load compares its address with the end of RAM, a store looks at its page's byte besides, and at its alignment.
    lw a0, 8(a1)
    sb a0, 0(a2)
    sd a0, -8(a3)
    ebreak
