// Bit counting, reversal and a linear feedback register in plain shifts and masks.
#include "kernel.h"

const uint32_t repeat = 9600;

static uint64_t count_ones(uint64_t x) {
  x -= x >> 1 & 0x5555555555555555;
  x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
  x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
  return x * 0x0101010101010101 >> 56;
}

static uint64_t reverse(uint64_t x) {
  x = (x >> 1 & 0x5555555555555555) | (x & 0x5555555555555555) << 1;
  x = (x >> 2 & 0x3333333333333333) | (x & 0x3333333333333333) << 2;
  x = (x >> 4 & 0x0f0f0f0f0f0f0f0f) | (x & 0x0f0f0f0f0f0f0f0f) << 4;
  x = (x >> 8 & 0x00ff00ff00ff00ff) | (x & 0x00ff00ff00ff00ff) << 8;
  x = (x >> 16 & 0x0000ffff0000ffff) | (x & 0x0000ffff0000ffff) << 16;
  return x >> 32 | x << 32;
}

uint64_t run(uint32_t round) {
  uint64_t state = round + 1, sum = 0;
  for (int i = 0; i < 20000; i++) {
    uint64_t x = next_random(&state);
    sum += count_ones(x) ^ reverse(x);
    sum = sum << 1 | (sum >> 63 ^ (sum >> 3 & 1));
  }
  return sum;
}
