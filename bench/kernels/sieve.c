// Sieve of Eratosthenes over bytes: strided byte stores, short branches.
#include "kernel.h"

#define LIMIT 200000
const uint32_t repeat = 1000;

static uint8_t composite[LIMIT];

uint64_t run(uint32_t round) {
  for (uint32_t i = 0; i < LIMIT; i++) composite[i] = 0;
  uint64_t sum = round;
  for (uint32_t i = 2; i < LIMIT; i++) {
    if (composite[i]) continue;
    sum += i;
    for (uint64_t j = (uint64_t)i * i; j < LIMIT; j += i) composite[j] = 1;
  }
  return sum;
}
