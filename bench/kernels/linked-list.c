// A shuffled list of 16384 nodes, walked: every load depends on the one before.
#include "kernel.h"

#define NODES 16384
const uint32_t repeat = 15200;

typedef struct node {
  struct node *next;
  uint64_t value;
} node;

static node nodes[NODES];
static uint32_t order[NODES];

static void prepare(void) {
  uint64_t seed = 7;
  for (uint32_t i = 0; i < NODES; i++) order[i] = i;
  for (uint32_t i = NODES - 1; i > 0; i--) {
    uint32_t j = (uint32_t)(next_random(&seed) % (i + 1));
    uint32_t swapped = order[i];
    order[i] = order[j];
    order[j] = swapped;
  }
  for (uint32_t i = 0; i < NODES; i++) {
    nodes[order[i]].next = i + 1 < NODES ? &nodes[order[i + 1]] : NULL;
    nodes[order[i]].value = next_random(&seed);
  }
}

uint64_t run(uint32_t round) {
  if (round == 0) prepare();
  uint64_t sum = round;
  for (node *n = &nodes[order[0]]; n; n = n->next) sum ^= n->value + (sum << 1);
  return sum;
}
