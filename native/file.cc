// fcntl(2) locks of open file descriptions.
//
// Why not flock(2): QEMU guards its images with open-file-description locks on single bytes of the file. A lock of the
// same kind over the whole file collides with those, so that vkrun and QEMU cannot write one image at the same time.
// The lock belongs to the open file description: it goes when the last descriptor of it is closed, also by a crash.
#include "file.h"

#include <cerrno>

#include <fcntl.h>

#include "arguments.h"

namespace vkrun {

Napi::Value LockFile(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object options = Options(info);
  int fd = static_cast<int>(Integer(options, "fd"));

  struct flock lock = {};
  lock.l_type = Boolean(options, "exclusive") ? F_WRLCK : F_RDLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = 0;
  lock.l_len = 0;  // to the end of the file, however far it grows

  int result;
  do {
    result = fcntl(fd, F_OFD_SETLK, &lock);
  } while (result == -1 && errno == EINTR);
  if (result == 0) return Napi::Boolean::New(env, true);
  if (errno == EAGAIN || errno == EACCES) return Napi::Boolean::New(env, false);
  throw SystemError(env, errno, "fcntl");
}

}  // namespace vkrun
