// Executes single F and D instructions of a real RISC-V hart (qemu-riscv64) on operands from standard input.
//
//   request:  char instruction[16]; uint32_t rm; uint32_t count; then count times uint64_t operands[3]
//   answer:   count times { uint64_t result; uint64_t fflags; }
//
// Binary32 operands and results are in the low half of their 64 bits, the upper half of a result is zero. Integer
// operands and results are whole registers. The rounding mode is set in frm; instructions use the dynamic mode.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct request {
  char instruction[16];
  uint32_t rm;
  uint32_t count;
};

struct answer {
  uint64_t result;
  uint64_t flags;
};

typedef uint64_t operation(const uint64_t operand[3]);

// Moves between integer and floating-point registers raise no flags. fmv.w.x boxes; fmv.x.w sign-extends.
#define IN_d(reg, n) "fmv.d.x " reg ", %[" n "]\n"
#define IN_s(reg, n) "fmv.w.x " reg ", %[" n "]\n"
#define OUT_d "fmv.x.d %[r], ft0\n"
#define OUT_s "fmv.x.w %[r], ft0\nslli %[r], %[r], 32\nsrli %[r], %[r], 32\n"

#define DEFINE(function, text)                                                                        \
  static uint64_t function(const uint64_t operand[3]) {                                               \
    uint64_t r;                                                                                       \
    __asm__ volatile(text                                                                             \
                     : [r] "=&r"(r)                                                                   \
                     : [a] "r"(operand[0]), [b] "r"(operand[1]), [c] "r"(operand[2])                  \
                     : "ft0", "ft1", "ft2", "ft3");                                                   \
    return r;                                                                                         \
  }

#define UNARY(name, to, from) DEFINE(name##_##to##_##from, IN_##from("ft1", "a") #name "." #to " ft0, ft1\n" OUT_##to)
#define BINARY(name, f) \
  DEFINE(name##_##f, IN_##f("ft1", "a") IN_##f("ft2", "b") #name "." #f " ft0, ft1, ft2\n" OUT_##f)
#define TERNARY(name, f)                                                                                        \
  DEFINE(name##_##f, IN_##f("ft1", "a") IN_##f("ft2", "b") IN_##f("ft3", "c") #name "." #f                       \
                                                                              " ft0, ft1, ft2, ft3\n" OUT_##f)
#define COMPARE(name, f) DEFINE(name##_##f, IN_##f("ft1", "a") IN_##f("ft2", "b") #name "." #f " %[r], ft1, ft2\n")
#define CLASSIFY(f) DEFINE(fclass_##f, IN_##f("ft1", "a") "fclass." #f " %[r], ft1\n")
#define CONVERT(to, from) DEFINE(fcvt_##to##_##from, IN_##from("ft1", "a") "fcvt." #to "." #from " ft0, ft1\n" OUT_##to)
#define TO_INTEGER(to, from) DEFINE(fcvt_##to##_##from, IN_##from("ft1", "a") "fcvt." #to "." #from " %[r], ft1\n")
#define FROM_INTEGER(to, from) DEFINE(fcvt_##to##_##from, "fcvt." #to "." #from " ft0, %[a]\n" OUT_##to)

#define BOTH(f)                                                                                              \
  BINARY(fadd, f) BINARY(fsub, f) BINARY(fmul, f) BINARY(fdiv, f) UNARY(fsqrt, f, f) TERNARY(fmadd, f)       \
  BINARY(fmin, f) BINARY(fmax, f) COMPARE(feq, f) COMPARE(flt, f) COMPARE(fle, f) CLASSIFY(f)                \
  TO_INTEGER(w, f) TO_INTEGER(wu, f) TO_INTEGER(l, f) TO_INTEGER(lu, f)                                      \
  FROM_INTEGER(f, w) FROM_INTEGER(f, wu) FROM_INTEGER(f, l) FROM_INTEGER(f, lu)

BOTH(d)
BOTH(s)
CONVERT(d, s)
CONVERT(s, d)
// fsgnj.s of a register with itself is what reading it as binary32 gives; fmv.w.x followed by fmv.x.d shows the box.
DEFINE(unbox, "fmv.d.x ft1, %[a]\nfsgnj.s ft0, ft1, ft1\n" OUT_s)
DEFINE(box, "fmv.w.x ft0, %[a]\nfmv.x.d %[r], ft0\n")

#define ROWS(f)                                                                                                   \
  {"fadd." #f, fadd_##f}, {"fsub." #f, fsub_##f}, {"fmul." #f, fmul_##f}, {"fdiv." #f, fdiv_##f},                 \
      {"fsqrt." #f, fsqrt_##f##_##f}, {"fmadd." #f, fmadd_##f}, {"fmin." #f, fmin_##f}, {"fmax." #f, fmax_##f},   \
      {"feq." #f, feq_##f}, {"flt." #f, flt_##f}, {"fle." #f, fle_##f}, {"fclass." #f, fclass_##f},               \
      {"fcvt.w." #f, fcvt_w_##f}, {"fcvt.wu." #f, fcvt_wu_##f}, {"fcvt.l." #f, fcvt_l_##f},                       \
      {"fcvt.lu." #f, fcvt_lu_##f}, {"fcvt." #f ".w", fcvt_##f##_w}, {"fcvt." #f ".wu", fcvt_##f##_wu},           \
      {"fcvt." #f ".l", fcvt_##f##_l}, {"fcvt." #f ".lu", fcvt_##f##_lu}

static const struct {
  const char *instruction;
  operation *run;
} table[] = {ROWS(d), ROWS(s), {"fcvt.d.s", fcvt_d_s}, {"fcvt.s.d", fcvt_s_d}, {"unbox", unbox}, {"box", box}};

static operation *find(const char *instruction) {
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    if (strncmp(table[i].instruction, instruction, sizeof((struct request *)0)->instruction) == 0) return table[i].run;
  }
  fprintf(stderr, "fp-oracle: unknown instruction %.16s\n", instruction);
  exit(1);
}

int main(void) {
  struct request request;
  while (fread(&request, sizeof request, 1, stdin) == 1) {
    operation *run = find(request.instruction);
    uint64_t(*operands)[3] = malloc(request.count * sizeof *operands);
    struct answer *answers = malloc(request.count * sizeof *answers);
    if (operands == NULL || answers == NULL || fread(operands, sizeof *operands, request.count, stdin) != request.count) {
      fprintf(stderr, "fp-oracle: cannot read %u operands of %.16s\n", request.count, request.instruction);
      return 1;
    }
    __asm__ volatile("fsrm %0" : : "r"((uint64_t)request.rm));
    for (uint32_t i = 0; i < request.count; i++) {
      __asm__ volatile("fsflags x0" : : : "memory");
      answers[i].result = run(operands[i]);
      __asm__ volatile("frflags %0" : "=r"(answers[i].flags) : : "memory");
    }
    __asm__ volatile("fsrm x0");
    fwrite(answers, sizeof *answers, request.count, stdout);
    free(operands);
    free(answers);
  }
  return 0;
}
