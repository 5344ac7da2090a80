// Byte and word copies, length and comparison of strings, as a libc without vectors does them.
#include "kernel.h"

#define LENGTH 32768
const uint32_t repeat = 12000;

static uint64_t source[LENGTH / 8], target[LENGTH / 8];

static void copy_words(uint64_t *to, const uint64_t *from, size_t count) {
  for (size_t i = 0; i + 4 <= count; i += 4) {
    uint64_t a = from[i], b = from[i + 1], c = from[i + 2], d = from[i + 3];
    to[i] = a;
    to[i + 1] = b;
    to[i + 2] = c;
    to[i + 3] = d;
  }
}

static size_t length_of(const char *text) {
  const char *end = text;
  while (*end) end++;
  return (size_t)(end - text);
}

static size_t common_prefix(const char *a, const char *b) {
  size_t i = 0;
  while (a[i] && a[i] == b[i]) i++;
  return i;
}

uint64_t run(uint32_t round) {
  char *from = (char *)source, *to = (char *)target;
  if (round == 0) {
    uint64_t seed = 99;
    for (size_t i = 0; i < LENGTH; i++) from[i] = (char)(next_random(&seed) % 26 + 'a');
  }
  from[LENGTH - 1 - round % 1000] = 0;
  copy_words(target, source, LENGTH / 8);
  size_t length = length_of(to);
  to[length / 2] = '!';
  uint64_t result = length * 65599 + common_prefix(from, to);
  from[LENGTH - 1 - round % 1000] = 'z';
  return result;
}
