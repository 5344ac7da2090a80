/* A program for the guest: vsock streams. "echo PORT" gives one client back what it sends; "send PORT BYTES" sends that many bytes
   to the host and prints what it answers. */
#include <sys/socket.h>

/* Needs what is in the one above. */
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char buffer[1 << 16];

static int fail(const char *what) {
  perror(what);
  return 1;
}

static int write_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t n = write(fd, bytes, length);
    if (n <= 0) return -1;
    bytes += n;
    length -= n;
  }
  return 0;
}

static int echo(unsigned port) {
  struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_port = port, .svm_cid = VMADDR_CID_ANY};
  int listener = socket(AF_VSOCK, SOCK_STREAM, 0);
  if (listener < 0) return fail("socket");
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) return fail("bind");
  if (listen(listener, 1) < 0) return fail("listen");
  puts("listening");
  fflush(stdout);
  int fd = accept(listener, NULL, NULL);
  if (fd < 0) return fail("accept");
  long total = 0;
  ssize_t n;
  while ((n = read(fd, buffer, sizeof buffer)) > 0) {
    if (write_all(fd, buffer, n) < 0) return fail("write");
    total += n;
  }
  if (n < 0) return fail("read");
  printf("echoed %ld\n", total);
  return 0;
}

static int send_bytes(unsigned port, long length) {
  struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_port = port, .svm_cid = VMADDR_CID_HOST};
  int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
  if (fd < 0) return fail("socket");
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) return fail("connect");
  unsigned long state = 1;
  for (long sent = 0; sent < length;) {
    size_t piece = length - sent < (long)sizeof buffer ? (size_t)(length - sent) : sizeof buffer;
    for (size_t i = 0; i < piece; i++) {
      state = (state * 1103515245u + 12345u) & 0x7fffffff;
      buffer[i] = (char)(state >> 16);
    }
    if (write_all(fd, buffer, piece) < 0) return fail("write");
    sent += piece;
  }
  if (shutdown(fd, SHUT_WR) < 0) return fail("shutdown");
  ssize_t n = read(fd, buffer, sizeof buffer - 1);
  if (n < 0) return fail("read");
  buffer[n] = 0;
  printf("answer: %s\n", buffer);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "echo") == 0) return echo(strtoul(argv[2], NULL, 0));
  if (argc == 4 && strcmp(argv[1], "send") == 0) return send_bytes(strtoul(argv[2], NULL, 0), atol(argv[3]));
  return 2;
}
