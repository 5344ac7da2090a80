// Quicksort (Hoare's partition, recursion on both halves) of 20000 64-bit integers: unpredictable branches.
#include "kernel.h"

#define COUNT 20000
const uint32_t repeat = 480;

static int64_t values[COUNT];

static void sort(int64_t *low, int64_t *high) {
  while (low < high) {
    int64_t pivot = low[(high - low) / 2];
    int64_t *i = low, *j = high;
    while (i <= j) {
      while (*i < pivot) i++;
      while (*j > pivot) j--;
      if (i <= j) {
        int64_t swapped = *i;
        *i++ = *j;
        *j-- = swapped;
      }
    }
    sort(low, j);
    low = i;
  }
}

uint64_t run(uint32_t round) {
  uint64_t seed = round + 1, checksum = 0;
  for (int i = 0; i < COUNT; i++) values[i] = (int64_t)next_random(&seed);
  sort(values, values + COUNT - 1);
  for (int i = 0; i < COUNT; i++) checksum = checksum * 5 + (uint64_t)values[i];
  return checksum;
}
