// close(2), and O_NONBLOCK and FD_CLOEXEC of fcntl(2).
#include "descriptor.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "arguments.h"

namespace vkrun {

void CloseDescriptor(const Napi::CallbackInfo& info) {
  int fd = static_cast<int>(Integer(Options(info), "fd"));
  // After EINTR the descriptor is closed on Linux, and its number may be somebody else's already.
  if (close(fd) == -1 && errno != EINTR) throw SystemError(info.Env(), errno, "close");
}

void SetNonBlocking(const Napi::CallbackInfo& info) {
  int fd = static_cast<int>(Integer(Options(info), "fd"));
  int flags = fcntl(fd, F_GETFL);
  if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1) throw SystemError(info.Env(), errno, "fcntl");
}

Napi::Value SetCloseOnExec(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  int fd = static_cast<int>(Integer(options, "fd"));
  int flags = fcntl(fd, F_GETFD);
  int wanted = Boolean(options, "close") ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC;
  if (flags == -1 || fcntl(fd, F_SETFD, wanted) == -1) throw SystemError(info.Env(), errno, "fcntl");
  return Napi::Boolean::New(info.Env(), (flags & FD_CLOEXEC) != 0);
}

}  // namespace vkrun
