// Nothing: what starting the process and loading an ELF costs, taken off every other kernel's time.
#include "kernel.h"

const uint32_t repeat = 1;

uint64_t run(uint32_t round) { return round; }
