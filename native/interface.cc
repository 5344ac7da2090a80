// netdevice(7): network interfaces by name, through the ioctls of a socket that is open for nothing else.
#include "interface.h"

#include <cerrno>
#include <cstring>

#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"

namespace vkrun {

// Answers 0 or the errno.
static int Control(unsigned long request, struct ifreq* argument) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  // A kernel without IPv4 has interfaces all the same.
  if (fd == -1) fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd == -1) return errno;
  int error = ioctl(fd, request, argument) == -1 ? errno : 0;
  close(fd);
  return error;
}

static void Require(const Napi::CallbackInfo& info, unsigned long request, struct ifreq* argument, const char* name) {
  int error = Control(request, argument);
  if (error != 0) throw SystemError(info.Env(), error, name);
}

Napi::Value InterfaceState(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  struct ifreq request = InterfaceRequest(Options(info), "name");
  int error = Control(SIOCGIFFLAGS, &request);
  if (error == ENODEV) return env.Undefined();
  if (error != 0) throw SystemError(env, error, "SIOCGIFFLAGS");
  bool up = (request.ifr_flags & IFF_UP) != 0;
  Require(info, SIOCGIFMTU, &request, "SIOCGIFMTU");
  Napi::Object result = Napi::Object::New(env);
  result.Set("up", Napi::Boolean::New(env, up));
  result.Set("mtu", Napi::Number::New(env, request.ifr_mtu));
  return result;
}

void SetInterfaceUp(const Napi::CallbackInfo& info) {
  struct ifreq request = InterfaceRequest(Options(info), "name");
  Require(info, SIOCGIFFLAGS, &request, "SIOCGIFFLAGS");
  request.ifr_flags |= IFF_UP;
  Require(info, SIOCSIFFLAGS, &request, "SIOCSIFFLAGS");
}

void SetInterfaceMtu(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  struct ifreq request = InterfaceRequest(options, "name");
  request.ifr_mtu = static_cast<int>(Integer(options, "mtu"));
  Require(info, SIOCSIFMTU, &request, "SIOCSIFMTU");
}

void AddToBridge(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  struct ifreq port = InterfaceRequest(options, "name");
  Require(info, SIOCGIFINDEX, &port, "SIOCGIFINDEX");
  struct ifreq request = InterfaceRequest(options, "bridge");
  request.ifr_ifindex = port.ifr_ifindex;
  Require(info, SIOCBRADDIF, &request, "SIOCBRADDIF");
}

}  // namespace vkrun
