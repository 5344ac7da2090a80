# A call and its return within a page; the link is relative to where the page is mapped.
1:  jal ra, 2f
    addi a0, a0, -1
    bnez a0, 1b
    ebreak
2:  addi a1, a1, 1
    ret
