// An interpreter for a small stack machine, running a loop that sums a series: indirect jumps.
#include "kernel.h"

const uint32_t repeat = 112;

enum { PUSH, LOAD, STORE, ADD, MUL, XOR, LESS, JUMP_IF, HALT };

static const int32_t program[] = {
    PUSH, 0,    STORE, 0,                               // i = 0
    PUSH, 1,    STORE, 1,                               // sum = 1
    LOAD, 1,    PUSH,  33,  MUL,   LOAD,  0, XOR, STORE, 1, // sum = sum * 33 ^ i
    LOAD, 0,    PUSH,  1,   ADD,   STORE, 0,            // i++
    LOAD, 0,    LOAD,  2,   LESS,  JUMP_IF, 8,          // while (i < limit)
    HALT,
};

uint64_t run(uint32_t round) {
  int64_t stack[16], variables[3] = {0, 0, 50000 + round};
  int64_t *sp = stack;
  const int32_t *pc = program;
  for (;;) {
    switch (*pc++) {
      case PUSH: *sp++ = *pc++; break;
      case LOAD: *sp++ = variables[*pc++]; break;
      case STORE: variables[*pc++] = *--sp; break;
      case ADD: sp--; sp[-1] += sp[0]; break;
      case MUL: sp--; sp[-1] = (int64_t)((uint64_t)sp[-1] * (uint64_t)sp[0]); break;
      case XOR: sp--; sp[-1] ^= sp[0]; break;
      case LESS: sp--; sp[-1] = sp[-1] < sp[0]; break;
      case JUMP_IF: pc = *--sp ? program + *pc : pc + 1; break;
      case HALT: return (uint64_t)variables[1];
    }
  }
}
