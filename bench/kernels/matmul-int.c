// 64 x 64 matrix product of 64-bit integers: loads, mul, add.
#include "kernel.h"

#define N 64
const uint32_t repeat = 1520;

static int64_t a[N][N], b[N][N], c[N][N];

uint64_t run(uint32_t round) {
  uint64_t seed = round + 1;
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      a[i][j] = (int32_t)next_random(&seed);
      b[i][j] = (int32_t)next_random(&seed);
    }
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      int64_t sum = 0;
      for (int k = 0; k < N; k++) sum += a[i][k] * b[k][j];
      c[i][j] = sum;
    }
  uint64_t trace = 0;
  for (int i = 0; i < N; i++) trace = trace * 3 + (uint64_t)c[i][N - 1 - i];
  return trace;
}
