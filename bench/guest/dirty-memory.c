/*
 * dirty-memory MIB RATE: a process with so many MiB of memory, no page of which is like another. On SIGUSR1 it begins, or ends, to
 * write RATE pages every millisecond, all over its memory; on SIGUSR2 it writes BURST pages once, each of them one time, and says so.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

enum { PAGE = 4096, BURST = 16384, STRIDE = 61 };

static volatile sig_atomic_t loading, bursts;

static void on_signal(int number)
{
  if (number == SIGUSR1)
    loading = !loading;
  else
    bursts++;
}

int main(int argc, char **argv)
{
  if (argc != 3) {
    fprintf(stderr, "usage: dirty-memory MIB RATE\n");
    return 2;
  }
  size_t pages = strtoul(argv[1], NULL, 10) << 8;
  unsigned long rate = strtoul(argv[2], NULL, 10);
  char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || pages < BURST) {
    fprintf(stderr, "dirty-memory: no such memory\n");
    return 1;
  }
  uint64_t state = 88172645463325252ull;
  for (size_t page = 0; page < pages; page++) {
    uint64_t *words = (uint64_t *)(memory + page * PAGE);
    /* A quarter of each page does not compress. */
    for (size_t word = 0; word < PAGE / sizeof *words; word += 4)
      words[word] = state = state * 6364136223846793005ull + 1442695040888963407ull;
  }
  struct sigaction action = { .sa_handler = on_signal };
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGUSR2, &action, NULL);
  puts("touched");
  fflush(stdout);
  size_t next = 0;
  for (;;) {
    struct timespec millisecond = { .tv_nsec = loading || bursts ? 1000000 : 999999999 };
    nanosleep(&millisecond, NULL);
    /* 61 has no divisor in common with a number of pages that is a power of two or three of them: every page has its turn. */
    for (unsigned long count = 0; loading && count < rate; count++, next = (next + STRIDE) % pages)
      (*(uint64_t *)(memory + next * PAGE))++;
    if (bursts) {
      for (size_t page = 0; page < BURST; page++)
        (*(uint64_t *)(memory + page * PAGE))++;
      bursts--;
      puts("written");
      fflush(stdout);
    }
  }
}
