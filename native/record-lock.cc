// fcntl(2) locks on ranges of bytes. None of these calls waits, for other holders or for a disk.
#include "record-lock.h"

#include <cerrno>
#include <string>

#include <fcntl.h>

#include "arguments.h"

namespace vkrun {

static struct flock Lock(const Napi::Object& options) {
  Napi::Value type = options.Get("type");
  std::string name = type.IsString() ? type.As<Napi::String>().Utf8Value() : "";
  struct flock lock = {};
  if (name == "read") lock.l_type = F_RDLCK;
  else if (name == "write") lock.l_type = F_WRLCK;
  else if (name == "none") lock.l_type = F_UNLCK;
  else throw Napi::TypeError::New(options.Env(), "type must be read, write or none");
  lock.l_whence = SEEK_SET;
  lock.l_start = Integer(options, "start");
  lock.l_len = Integer(options, "length");
  return lock;
}

static int Control(int fd, int command, struct flock* lock) {
  int result;
  do {
    result = fcntl(fd, command, lock);
  } while (result == -1 && errno == EINTR);
  return result;
}

Napi::Value LockRange(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object options = Options(info);
  struct flock lock = Lock(options);
  if (Control(static_cast<int>(Integer(options, "fd")), F_OFD_SETLK, &lock) == 0) return Napi::Boolean::New(env, true);
  if (errno == EAGAIN || errno == EACCES) return Napi::Boolean::New(env, false);
  throw SystemError(env, errno, "fcntl");
}

Napi::Value TestLock(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object options = Options(info);
  struct flock lock = Lock(options);
  if (Control(static_cast<int>(Integer(options, "fd")), F_OFD_GETLK, &lock) == -1) throw SystemError(env, errno, "fcntl");
  if (lock.l_type == F_UNLCK) return env.Null();
  Napi::Object found = Napi::Object::New(env);
  found.Set("type", Napi::String::New(env, lock.l_type == F_RDLCK ? "read" : "write"));
  found.Set("start", Napi::Number::New(env, static_cast<double>(lock.l_start)));
  found.Set("length", Napi::Number::New(env, static_cast<double>(lock.l_len)));
  return found;
}

}  // namespace vkrun
