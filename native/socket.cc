// socketpair(2) and setsockopt(2).
#include "socket.h"

#include <algorithm>
#include <cerrno>
#include <climits>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"

namespace vkrun {

Napi::Value OpenSocketPair(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int send_buffer = static_cast<int>(std::min<int64_t>(Integer(Options(info), "sendBuffer"), INT_MAX));
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1) throw SystemError(env, errno, "socketpair");
  const char* failed = nullptr;
  if (fcntl(ends[0], F_SETFL, O_NONBLOCK) == -1) failed = "fcntl";
  // The system gives as much of it as it gives anybody.
  for (int end : ends) {
    if (setsockopt(end, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer) == -1) failed = "setsockopt";
  }
  if (failed != nullptr) {
    int error = errno;
    for (int end : ends) close(end);
    throw SystemError(env, error, failed);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("ours", Napi::Number::New(env, ends[0]));
  result.Set("theirs", Napi::Number::New(env, ends[1]));
  return result;
}

}  // namespace vkrun
