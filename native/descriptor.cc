// close(2).
#include "descriptor.h"

#include <cerrno>

#include <unistd.h>

#include "arguments.h"

namespace vkrun {

void CloseDescriptor(const Napi::CallbackInfo& info) {
  int fd = static_cast<int>(Integer(Options(info), "fd"));
  // After EINTR the descriptor is closed on Linux, and its number may be somebody else's already.
  if (close(fd) == -1 && errno != EINTR) throw SystemError(info.Env(), errno, "close");
}

}  // namespace vkrun
