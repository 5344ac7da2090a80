// Doubly recursive Fibonacci numbers: calls, returns, stack traffic.
#include "kernel.h"

const uint32_t repeat = 288;

// GCC would turn half of the recursion into a loop.
__attribute__((noinline, optimize("no-optimize-sibling-calls"))) static uint64_t fibonacci(uint32_t n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

uint64_t run(uint32_t round) { return fibonacci(25 + (round & 1)); }
