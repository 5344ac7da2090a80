/* udp-echo PORT: prints "listening", and answers one datagram with what came in it, turned round. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argc > 1 ? argv[1] : ""))}, peer;
  socklen_t length = sizeof peer;
  char data[1500], turned[sizeof data];
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof own) != 0) {
    perror("udp-echo");
    return 1;
  }
  puts("listening");
  fflush(stdout);
  ssize_t got = recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&peer, &length);
  for (ssize_t at = 0; at < got; at++)
    turned[at] = data[got - 1 - at];
  return got < 0 || sendto(fd, turned, (size_t)got, 0, (struct sockaddr *)&peer, length) != got;
}
