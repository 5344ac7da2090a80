# A critical section, as a kernel has it: sstatus and sscratch without leaving the region.
1:  csrrci a1, sstatus, 2
    csrrw tp, sscratch, tp
    csrs sstatus, a1
    addi a0, a0, -1
    bnez a0, 1b
    ebreak
