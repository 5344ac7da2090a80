// What a kernel provides, and the little that it may use. No libc: only the code generator and the machine are measured.
#pragma once
#include <stddef.h>
#include <stdint.h>

// How often `run` is called: enough for QEMU to take between one and two and a half seconds, so that what compilers cost at
// the start weighs little. (The suites `programs` and `boot` are about that.)
extern const uint32_t repeat;

// One round of work. `round` counts up, so that no two rounds need be the same. The result goes into the checksum.
uint64_t run(uint32_t round);

// xorshift64: the same numbers on every machine.
static inline uint64_t next_random(uint64_t *state) {
  uint64_t x = *state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return *state = x;
}
