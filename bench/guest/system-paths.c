/*
 * Ways through a kernel, each walked a given number of times: what a guest pays for a trap, a switch of address spaces,
 * a fault, a new process. Prints the seconds that it took, by the guest's own monotonic clock.
 *
 *   system-paths NAME COUNT
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The argument with which the program starts itself, to end at once. */
#define NOTHING "nothing"
/* Pages touched by `page-fault` before they are given back together. */
#define FAULT_PAGES 4096
/* Pages of each mapping that `mmap` makes. */
#define MAPPING_PAGES 4

static long page_bytes;

static void check(int good, const char *what)
{
  if (good)
    return;
  fprintf(stderr, "system-paths: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void getppid_path(long count)
{
  /* Not by libc, which might remember the answer. */
  for (long i = 0; i < count; i++)
    check(syscall(SYS_getppid) > 0, "getppid");
}

/* One byte there and back: two switches between processes. */
static void pipe_path(long count)
{
  int there[2], back[2];
  char byte = 0;
  check(pipe(there) == 0 && pipe(back) == 0, "pipe");
  pid_t child = fork();
  check(child >= 0, "fork");
  if (child == 0) {
    close(there[1]);
    while (read(there[0], &byte, 1) == 1)
      check(write(back[1], &byte, 1) == 1, "write");
    _exit(0);
  }
  for (long i = 0; i < count; i++) {
    check(write(there[1], &byte, 1) == 1, "write");
    check(read(back[0], &byte, 1) == 1, "read");
  }
  close(there[1]);
  check(waitpid(child, NULL, 0) == child, "waitpid");
}

static void await_success(pid_t child)
{
  int status;
  check(waitpid(child, &status, 0) == child, "waitpid");
  check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child");
}

static void fork_exit_path(long count)
{
  for (long i = 0; i < count; i++) {
    pid_t child = fork();
    check(child >= 0, "fork");
    if (child == 0)
      _exit(0);
    await_success(child);
  }
}

static void fork_exec_path(long count)
{
  char *arguments[] = {"system-paths", NOTHING, NULL};
  char *environment[] = {NULL};
  for (long i = 0; i < count; i++) {
    pid_t child = fork();
    check(child >= 0, "fork");
    if (child == 0) {
      execve("/proc/self/exe", arguments, environment);
      _exit(1);
    }
    await_success(child);
  }
}

static volatile char *map_pages(long pages)
{
  char *start = mmap(NULL, pages * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(start != MAP_FAILED, "mmap");
  return start;
}

static void page_fault_path(long count)
{
  volatile char *start = map_pages(FAULT_PAGES);
  /* One fault a page is what is counted. Without huge pages in the kernel it fails, and is not needed. */
  (void)madvise((void *)start, FAULT_PAGES * page_bytes, MADV_NOHUGEPAGE);
  for (long done = 0; done < count;) {
    for (long page = 0; page < FAULT_PAGES && done < count; page++, done++)
      start[page * page_bytes] = 1;
    check(madvise((void *)start, FAULT_PAGES * page_bytes, MADV_DONTNEED) == 0, "madvise");
  }
}

static void mmap_path(long count)
{
  for (long i = 0; i < count; i++) {
    volatile char *start = map_pages(MAPPING_PAGES);
    for (long page = 0; page < MAPPING_PAGES; page++)
      start[page * page_bytes] = 1;
    check(munmap((void *)start, MAPPING_PAGES * page_bytes) == 0, "munmap");
  }
}

static volatile sig_atomic_t signals_seen;

static void on_signal(int number)
{
  (void)number;
  signals_seen++;
}

static void signal_path(long count)
{
  struct sigaction action = {.sa_handler = on_signal};
  check(sigaction(SIGUSR1, &action, NULL) == 0, "sigaction");
  pid_t self = getpid();
  signals_seen = 0;
  for (long i = 0; i < count; i++)
    check(kill(self, SIGUSR1) == 0, "kill");
  check(signals_seen == count, "signals lost");
}

static const struct {
  const char *name;
  void (*walk)(long count);
} paths[] = {
  {"getppid", getppid_path},       {"pipe", pipe_path}, {"fork-exit", fork_exit_path}, {"fork-exec", fork_exec_path},
  {"page-fault", page_fault_path}, {"mmap", mmap_path}, {"signal", signal_path},
};

static double now(void)
{
  struct timespec time;
  check(clock_gettime(CLOCK_MONOTONIC, &time) == 0, "clock_gettime");
  return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
  if (argc == 2 && strcmp(argv[1], NOTHING) == 0)
    return 0;
  long count = argc == 3 ? atol(argv[2]) : 0;
  page_bytes = sysconf(_SC_PAGESIZE);
  for (size_t i = 0; count > 0 && i < sizeof paths / sizeof *paths; i++) {
    if (strcmp(argv[1], paths[i].name) != 0)
      continue;
    double start = now();
    paths[i].walk(count);
    printf("seconds %.6f\n", now() - start);
    return 0;
  }
  fprintf(stderr, "usage: system-paths NAME COUNT\n");
  return 2;
}
