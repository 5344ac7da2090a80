/*
 * disk-io DEVICE read|write BYTES DEPTH COUNT [random]: COUNT transfers of BYTES each, past the page cache, DEPTH of them under
 * way at a time (Linux AIO beyond one), in sequence or at places that jump. Prints how long that took by the guest's clock.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAX_DEPTH = 64, PAGE = 4096 };

static int fd;
static int writing;
static int jumping;
static size_t bytes;
static uint64_t places;

static void check(int good, const char *what)
{
  if (good)
    return;
  fprintf(stderr, "disk-io: %s: %s\n", what, strerror(errno));
  exit(1);
}

/* The same places in every run: the low bits of a linear congruential generator would repeat too soon. */
static off_t place(uint64_t index)
{
  static uint64_t state = 88172645463325252ull;
  if (!jumping)
    return (off_t)(index % places) * (off_t)bytes;
  state = state * 6364136223846793005ull + 1442695040888963407ull;
  return (off_t)((state >> 33) % places) * (off_t)bytes;
}

static void one_by_one(char *buffer, long count)
{
  for (long index = 0; index < count; index++) {
    off_t offset = place((uint64_t)index);
    ssize_t moved = writing ? pwrite(fd, buffer, bytes, offset) : pread(fd, buffer, bytes, offset);
    check(moved == (ssize_t)bytes, writing ? "pwrite" : "pread");
  }
}

static void submit(aio_context_t context, struct iocb *request, char *buffer, uint64_t index)
{
  memset(request, 0, sizeof *request);
  request->aio_lio_opcode = writing ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
  request->aio_fildes = (uint32_t)fd;
  request->aio_buf = (uint64_t)(uintptr_t)buffer;
  request->aio_nbytes = bytes;
  request->aio_offset = place(index);
  request->aio_data = (uint64_t)(uintptr_t)request;
  check(syscall(SYS_io_submit, context, 1, &request) == 1, "io_submit");
}

static void many_at_a_time(char *buffers, int depth, long count)
{
  aio_context_t context = 0;
  struct iocb requests[MAX_DEPTH];
  struct io_event events[MAX_DEPTH];
  check(syscall(SYS_io_setup, depth, &context) == 0, "io_setup");
  long begun = 0;
  for (; begun < depth && begun < count; begun++)
    submit(context, &requests[begun], buffers + (size_t)begun * bytes, (uint64_t)begun);
  for (long done = 0; done < count;) {
    long got = syscall(SYS_io_getevents, context, 1, depth, events, NULL);
    check(got > 0, "io_getevents");
    for (long each = 0; each < got; each++, done++) {
      struct iocb *request = (struct iocb *)(uintptr_t)events[each].data;
      check(events[each].res == (int64_t)bytes, "a transfer");
      if (begun < count)
        submit(context, request, buffers + (size_t)(request - requests) * bytes, (uint64_t)begun++);
    }
  }
  check(syscall(SYS_io_destroy, context) == 0, "io_destroy");
}

static double now(void)
{
  struct timespec time;
  check(clock_gettime(CLOCK_MONOTONIC, &time) == 0, "clock_gettime");
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
  if (argc < 6) {
    fprintf(stderr, "usage: disk-io DEVICE read|write BYTES DEPTH COUNT [random]\n");
    return 2;
  }
  writing = strcmp(argv[2], "write") == 0;
  bytes = (size_t)atol(argv[3]);
  int depth = atoi(argv[4]);
  long count = atol(argv[5]);
  jumping = argc > 6;
  check(depth >= 1 && depth <= MAX_DEPTH && bytes >= 512 && count > 0, "arguments");
  fd = open(argv[1], (writing ? O_RDWR : O_RDONLY) | O_DIRECT);
  check(fd >= 0, argv[1]);
  uint64_t size;
  check(ioctl(fd, BLKGETSIZE64, &size) == 0, "BLKGETSIZE64");
  places = size / bytes;
  char *buffers;
  errno = posix_memalign((void **)&buffers, PAGE, bytes * (size_t)depth);
  check(errno == 0, "posix_memalign");
  memset(buffers, 0x5a, bytes * (size_t)depth);
  double start = now();
  if (depth == 1)
    one_by_one(buffers, count);
  else
    many_at_a_time(buffers, depth, count);
  printf("seconds %.6f\n", now() - start);
  return 0;
}
