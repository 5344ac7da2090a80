// A hash table with linear probing: 30000 insertions and as many look-ups, half of them in vain.
#include "kernel.h"

#define SLOTS 65536
#define KEYS 30000
const uint32_t repeat = 1100;

static struct {
  uint64_t key, value;
} slots[SLOTS];

static uint32_t slot_of(uint64_t key) {
  uint32_t i = (uint32_t)(key * 0x9e3779b97f4a7c15u >> 48);
  while (slots[i].key != 0 && slots[i].key != key) i = (i + 1) & (SLOTS - 1);
  return i;
}

uint64_t run(uint32_t round) {
  for (uint32_t i = 0; i < SLOTS; i++) slots[i].key = 0;
  uint64_t seed = round + 1, hits = 0;
  for (uint32_t i = 0; i < KEYS; i++) {
    uint64_t key = next_random(&seed);
    uint32_t slot = slot_of(key);
    slots[slot].key = key;
    slots[slot].value = i;
  }
  seed = round + 1;
  for (uint32_t i = 0; i < KEYS; i++) {
    uint64_t key = next_random(&seed) + (i & 1);
    uint32_t slot = slot_of(key);
    if (slots[slot].key == key) hits += slots[slot].value;
  }
  return hits;
}
