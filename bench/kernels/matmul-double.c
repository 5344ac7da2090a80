// 64 x 64 matrix product of doubles with fused multiply-add.
#include "kernel.h"

#define N 64
const uint32_t repeat = 480;

static double a[N][N], b[N][N], c[N][N];

uint64_t run(uint32_t round) {
  uint64_t seed = round + 1;
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      a[i][j] = (double)(int32_t)next_random(&seed) * 0x1p-20;
      b[i][j] = (double)(int32_t)next_random(&seed) * 0x1p-24;
    }
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      double sum = 0;
      for (int k = 0; k < N; k++) sum += a[i][k] * b[k][j];
      c[i][j] = sum;
    }
  uint64_t trace = 0;
  for (int i = 0; i < N; i++) trace = trace * 3 + (uint64_t)(int64_t)(c[i][N - 1 - i] * 1024);
  return trace;
}
