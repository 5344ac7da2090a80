/*
 * net-io serve ADDRESS PORT: for the host; answers one connection after the other.
 * net-io send|receive ADDRESS PORT MIB: moves so much over one TCP connection to where that listens, 128 KiB a call like iperf3.
 * net-io ping ADDRESS COUNT: so many ICMP echos, each sent when the one before was answered.
 * All but the first print how long that took by the guest's clock.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 128 * 1024, PING_DATA = 56, PING_SECONDS = 5 };

/* What a client says first, in its byte order: both ends are little-endian. */
struct order {
  uint64_t receive;
  uint64_t bytes;
};

static char chunk[CHUNK];

static void check(int good, const char *what)
{
  if (good)
    return;
  fprintf(stderr, "net-io: %s: %s\n", what, errno == 0 ? "the other end has gone" : strerror(errno));
  exit(1);
}

static int send_all(int fd, const void *data, size_t length)
{
  const char *from = data;
  while (length > 0) {
    ssize_t sent = write(fd, from, length);
    if (sent <= 0)
      return 0;
    from += sent;
    length -= (size_t)sent;
  }
  return 1;
}

static int receive_all(int fd, void *data, size_t length)
{
  char *to = data;
  errno = 0;
  while (length > 0) {
    ssize_t got = read(fd, to, length);
    if (got <= 0)
      return 0;
    to += got;
    length -= (size_t)got;
  }
  return 1;
}

/* Sends `bytes`, and waits until the other end has them all. */
static int pour(int fd, uint64_t bytes)
{
  char done;
  while (bytes > 0) {
    size_t length = bytes < CHUNK ? (size_t)bytes : CHUNK;
    if (!send_all(fd, chunk, length))
      return 0;
    bytes -= length;
  }
  return receive_all(fd, &done, 1);
}

static int drain(int fd, uint64_t bytes)
{
  errno = 0;
  while (bytes > 0) {
    ssize_t got = read(fd, chunk, bytes < CHUNK ? (size_t)bytes : CHUNK);
    if (got <= 0)
      return 0;
    bytes -= (uint64_t)got;
  }
  return send_all(fd, "", 1);
}

static struct sockaddr_in address_of(const char *text, const char *port)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  errno = EINVAL;
  check(inet_pton(AF_INET, text, &address.sin_addr) == 1, text);
  return address;
}

static _Noreturn void serve(const char *text, const char *port)
{
  struct sockaddr_in address = address_of(text, port);
  int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  check(listener >= 0, "socket");
  check(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0, "SO_REUSEADDR");
  check(bind(listener, (struct sockaddr *)&address, sizeof address) == 0, "bind");
  check(listen(listener, 8) == 0, "listen");
  puts("listening");
  fflush(stdout);
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    check(fd >= 0, "accept");
    struct order order;
    /* A client that goes before it has everything says so itself. */
    if (receive_all(fd, &order, sizeof order))
      (void)(order.receive ? pour(fd, order.bytes) : drain(fd, order.bytes));
    close(fd);
  }
}

static void move(int receiving, const char *text, const char *port, const char *mib)
{
  struct sockaddr_in address = address_of(text, port);
  struct order order = {.receive = (uint64_t)receiving, .bytes = strtoull(mib, NULL, 10) << 20};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  check(fd >= 0, "socket");
  check(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
  check(send_all(fd, &order, sizeof order), "send");
  check(receiving ? drain(fd, order.bytes) : pour(fd, order.bytes), receiving ? "receive" : "send");
  close(fd);
}

static uint16_t checksum(const void *data, size_t length)
{
  const uint16_t *words = data;
  uint32_t sum = 0;
  for (size_t index = 0; index < length / 2; index++)
    sum += words[index];
  while (sum > 0xffff)
    sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

static void ping(const char *text, int count)
{
  struct sockaddr_in address = address_of(text, "0");
  struct timeval patience = {.tv_sec = PING_SECONDS};
  int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  check(fd >= 0, "socket");
  check(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0, "SO_RCVTIMEO");
  check(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
  for (int index = 0; index < count; index++) {
    struct {
      struct icmphdr header;
      char data[PING_DATA];
    } echo, answer;
    struct {
      struct iphdr ip;
      char rest[sizeof echo];
    } packet;
    memset(&echo, 0, sizeof echo);
    echo.header.type = ICMP_ECHO;
    echo.header.un.echo.id = htons((uint16_t)getpid());
    echo.header.un.echo.sequence = htons((uint16_t)index);
    echo.header.checksum = checksum(&echo, sizeof echo);
    check(send(fd, &echo, sizeof echo, 0) == (ssize_t)sizeof echo, "send");
    do {
      ssize_t got = recv(fd, &packet, sizeof packet, 0);
      check(got > 0, "no answer");
      memcpy(&answer, (char *)&packet + packet.ip.ihl * 4, sizeof answer.header);
    } while (answer.header.type != ICMP_ECHOREPLY || answer.header.un.echo.id != echo.header.un.echo.id ||
             answer.header.un.echo.sequence != echo.header.un.echo.sequence);
  }
  close(fd);
}

static double now(void)
{
  struct timespec time;
  check(clock_gettime(CLOCK_MONOTONIC, &time) == 0, "clock_gettime");
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
  const char *what = argc > 1 ? argv[1] : "";
  signal(SIGPIPE, SIG_IGN);
  memset(chunk, 0x5a, sizeof chunk);
  double start = now();
  if (argc == 4 && strcmp(what, "serve") == 0) {
    serve(argv[2], argv[3]);
  } else if (argc == 5 && (strcmp(what, "send") == 0 || strcmp(what, "receive") == 0)) {
    move(strcmp(what, "receive") == 0, argv[2], argv[3], argv[4]);
  } else if (argc == 4 && strcmp(what, "ping") == 0) {
    ping(argv[2], atoi(argv[3]));
  } else {
    fprintf(stderr, "usage: net-io serve ADDRESS PORT | send|receive ADDRESS PORT MIB | ping ADDRESS COUNT\n");
    return 2;
  }
  printf("seconds %.6f\n", now() - start);
  return 0;
}
