// ioctl(2) on /dev/net/tun: taps, Ethernet interfaces whose other end is a descriptor (Linux Documentation/networking/tuntap).
#include "tap.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "arguments.h"

namespace vkrun {

Napi::Value OpenTap(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object options = Options(info);
  struct ifreq request = InterfaceRequest(options, "name");
  // One queue of several, and a struct virtio_net_hdr before each frame; no struct tun_pi.
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (Boolean(options, "multiQueue")) request.ifr_flags |= IFF_MULTI_QUEUE;
  int header_length = static_cast<int>(Integer(options, "headerLength"));

  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd == -1) throw SystemError(env, errno, "open");
  const char* failed = nullptr;
  if (ioctl(fd, TUNSETIFF, &request) == -1) {
    failed = "TUNSETIFF";
  } else if (ioctl(fd, TUNSETVNETHDRSZ, &header_length) == -1) {
    failed = "TUNSETVNETHDRSZ";
  }
  if (failed != nullptr) {
    int error = errno;
    close(fd);
    throw SystemError(env, error, failed);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("fd", Napi::Number::New(env, fd));
  // The kernel fills in a pattern such as "tap%d".
  result.Set("name", Napi::String::New(env, request.ifr_name));
  return result;
}

static void TapControl(const Napi::CallbackInfo& info, unsigned long request, unsigned long value, const char* name) {
  int fd = static_cast<int>(Integer(Options(info), "fd"));
  if (ioctl(fd, request, value) == -1) throw SystemError(info.Env(), errno, name);
}

void SetTapOffloads(const Napi::CallbackInfo& info) {
  unsigned long offloads = static_cast<unsigned long>(Integer(Options(info), "offloads"));
  TapControl(info, TUNSETOFFLOAD, offloads, "TUNSETOFFLOAD");
}

void SetTapPersistent(const Napi::CallbackInfo& info) {
  TapControl(info, TUNSETPERSIST, Boolean(Options(info), "persistent") ? 1 : 0, "TUNSETPERSIST");
}

void SetTapOwner(const Napi::CallbackInfo& info) {
  unsigned long owner = static_cast<unsigned long>(Integer(Options(info), "owner"));
  TapControl(info, TUNSETOWNER, owner, "TUNSETOWNER");
}

}  // namespace vkrun
