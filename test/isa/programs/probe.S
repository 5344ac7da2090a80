// Groups about traps run their code by probes instead: a probe is entered in some mode and ends with its first trap
// into M mode, which comes to the address in s9, in M mode, with a0 = mcause, a1 = mtval, a2 = mepc, a3 = mstatus,
// a4 = number of the vector, if vectored; from S mode's vectors, 32 more, and then scause, stval and sepc tell the rest.

// What probes assume: S and U may use all of memory, nothing is delegated, enabled or translated. Changes t0, t1.
    .globl probe_begin, probe_end
probe_begin:
    la t0, probe_trap
    csrw mtvec, t0
    la t0, s_trap
    csrw stvec, t0
    csrw medeleg, zero
    csrw mideleg, zero
    csrw mie, zero
    csrw mip, zero
    csrw satp, zero
    csrw mepc, zero
    csrw sepc, zero
    csrw scause, zero
    csrw stval, zero
    csrw mcounteren, zero
    csrw scounteren, zero
    li t0, -1
    csrw pmpaddr0, t0
    li t1, MTIMECMP             // its value at reset is open
    sd t0, 0(t1)
    li t0, 0x1f                 // NAPOT, RWX
    csrw pmpcfg0, t0
    li t0, 0x6000
    csrw mstatus, t0
    sfence.vma
    ret

probe_end:
    la t0, skip_trap
    csrw mtvec, t0
    csrw mie, zero
    csrw satp, zero
    csrw medeleg, zero
    csrw mideleg, zero
    csrw pmpcfg0, zero
    li t0, 0x6000
    csrw mstatus, t0
    sfence.vma
    ret

    .balign 4
probe_trap:
    csrr a0, mcause
    csrr a1, mtval
    csrr a2, mepc
    csrr a3, mstatus
    li t0, 1 << 17              // MPRV
    csrc mstatus, t0
    jr s9

    .balign 4
s_trap:
    li a4, 32
    ecall

    .balign 256
    .globl m_vectors, s_vectors
m_vectors:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    j m_vector_\n
    .endr
    .balign 256
s_vectors:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    j s_vector_\n
    .endr
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
m_vector_\n:
    li a4, \n
    j probe_trap
s_vector_\n:
    li a4, 32 + \n
    ecall
    .endr

// Random programs that run in S mode, translated, end with an ecall that comes here. The program is mapped to itself
// by 4 KiB pages; virtual pages 0 to 2 at 0x4000_0000 are scratch memory, the first two in the other order. Tables: the
// root, level 1 and two of level 0 for the program, level 1 and level 0 for the memory.
    .balign 4
return_trap:
    la x3, resume_address
    ld x3, 0(x3)
    jr x3

// a0: the address to come back to. Changes a0-a4, t0-t2.
    .globl paged_begin, paged_end
paged_begin:
    la t0, resume_address
    sd a0, 0(t0)
    la t0, return_trap
    csrw mtvec, t0
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    la a0, tables
    li t0, 4096
    add a1, a0, t0              // level 1, program
    add a2, a1, t0              // level 0, twice
    add a3, a2, t0
    add a3, a3, t0              // level 1, memory
    add a4, a3, t0              // level 0, memory
    .macro LINK table, index, to
    srli t1, \to, 2
    ori t1, t1, 1
    sd t1, \index * 8(\table)
    .endm
    li t1, 0xc7                 // devices, for what verbose programs print: a gigapage, V R W A D
    sd t1, 0(a0)
    LINK a0, 1, a3
    LINK a0, 2, a1
    LINK a1, 0, a2
    add t2, a2, t0
    LINK a1, 1, t2
    LINK a3, 0, a4
    li t1, 0x200000cf           // 0x8000_0000, V R W X A D
    li t2, 1024
1:  sd t1, 0(a2)
    addi t1, t1, 1024
    addi a2, a2, 8
    addi t2, t2, -1
    bnez t2, 1b
    la t1, scratch
    srli t1, t1, 2
    ori t1, t1, 0xcf
    sd t1, 8(a4)
    addi t1, t1, 1024
    sd t1, 0(a4)
    addi t1, t1, 1024
    sd t1, 16(a4)
    srli a0, a0, 12
    li t1, 8
    slli t1, t1, 60
    or a0, a0, t1
    csrw satp, a0
    sfence.vma
    li t0, 0x6800               // MPP = S, FS dirty
    csrw mstatus, t0
    ret

paged_end:
    csrw satp, zero
    csrw pmpcfg0, zero
    la t0, skip_trap
    csrw mtvec, t0
    sfence.vma
    ret

    .bss
    .balign 8
resume_address: .space 8
