// openat(2) and its kin: what is named relative to an open directory.
#include "directory-entry.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "arguments.h"
#include "pool-call.h"

namespace vkrun {

// openat2(2) is Linux 5.6's: neither every libc nor every set of headers has it.
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
struct OpenHow {
  uint64_t flags;
  uint64_t mode;
  uint64_t resolve;
};

static int Descriptor(const Napi::Object& options, const char* name) {
  return static_cast<int>(Integer(options, name));
}

static mode_t Mode(const Napi::Object& options) { return static_cast<mode_t>(Integer(options, "mode")); }

// statx(2) fills so many bytes.
static uint8_t* Status(const Napi::Object& options) {
  Span span = Bytes(options, "status");
  if (span.length < sizeof(struct statx)) throw Napi::RangeError::New(options.Env(), "status is too short");
  return span.data;
}

static int Statx(int fd, uint8_t* status) {
  return statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS,
               reinterpret_cast<struct statx*>(status));
}

Napi::Value OpenAt(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  int fd = Descriptor(options, "fd");
  std::string path = Path(options, "path");
  int64_t flags = Integer(options, "flags") | O_CLOEXEC;
  mode_t mode = Mode(options);
  int64_t resolve = Integer(options, "resolve");
  uint8_t* status = options.Has("status") ? Status(options) : nullptr;
  return PoolCall::Start(options, "openat", [=]() -> int64_t {
    int opened;
    if (resolve == 0) {
      opened = openat(fd, path.c_str(), static_cast<int>(flags), mode);
    } else {
      OpenHow how = {static_cast<uint64_t>(flags), mode, static_cast<uint64_t>(resolve)};
      opened = static_cast<int>(syscall(SYS_openat2, fd, path.c_str(), &how, sizeof how));
    }
    if (opened == -1 || status == nullptr) return opened;
    if (Statx(opened, status) == 0) return opened;
    int error = errno;
    close(opened);
    errno = error;
    return -1;
  });
}

Napi::Value StatusOf(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  int fd = Descriptor(options, "fd");
  uint8_t* status = Status(options);
  return PoolCall::Start(options, "statx", [=]() -> int64_t { return Statx(fd, status); });
}

Napi::Value MakeDirectoryAt(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  int fd = Descriptor(options, "fd");
  std::string path = Path(options, "path");
  mode_t mode = Mode(options);
  return PoolCall::Start(options, "mkdirat", [=]() -> int64_t { return mkdirat(fd, path.c_str(), mode); });
}

Napi::Value MakeNodeAt(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  int fd = Descriptor(options, "fd");
  std::string path = Path(options, "path");
  mode_t mode = Mode(options);
  dev_t device = static_cast<dev_t>(Integer(options, "device"));
  return PoolCall::Start(options, "mknodat", [=]() -> int64_t { return mknodat(fd, path.c_str(), mode, device); });
}

Napi::Value SymlinkAt(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  std::string target = Path(options, "target");
  int fd = Descriptor(options, "fd");
  std::string path = Path(options, "path");
  return PoolCall::Start(options, "symlinkat",
                         [=]() -> int64_t { return symlinkat(target.c_str(), fd, path.c_str()); });
}

Napi::Value ReadLinkOf(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  int fd = Descriptor(options, "fd");
  Span into = Bytes(options, "into");
  return PoolCall::Start(options, "readlinkat", [=]() -> int64_t {
    return readlinkat(fd, "", reinterpret_cast<char*>(into.data), into.length);
  });
}

Napi::Value LinkAt(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  int oldFd = Descriptor(options, "oldFd");
  std::string oldPath = Path(options, "oldPath");
  int newFd = Descriptor(options, "newFd");
  std::string newPath = Path(options, "newPath");
  int flags = static_cast<int>(Integer(options, "flags"));
  return PoolCall::Start(options, "linkat", [=]() -> int64_t {
    return linkat(oldFd, oldPath.c_str(), newFd, newPath.c_str(), flags);
  });
}

Napi::Value RenameAt(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  int oldFd = Descriptor(options, "oldFd");
  std::string oldPath = Path(options, "oldPath");
  int newFd = Descriptor(options, "newFd");
  std::string newPath = Path(options, "newPath");
  return PoolCall::Start(options, "renameat", [=]() -> int64_t {
    return renameat(oldFd, oldPath.c_str(), newFd, newPath.c_str());
  });
}

Napi::Value UnlinkAt(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  int fd = Descriptor(options, "fd");
  std::string path = Path(options, "path");
  int flags = static_cast<int>(Integer(options, "flags"));
  return PoolCall::Start(options, "unlinkat", [=]() -> int64_t { return unlinkat(fd, path.c_str(), flags); });
}

Napi::Value ChangeOwnerOf(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  int fd = Descriptor(options, "fd");
  uid_t uid = static_cast<uid_t>(Integer(options, "uid"));
  gid_t gid = static_cast<gid_t>(Integer(options, "gid"));
  return PoolCall::Start(options, "fchownat", [=]() -> int64_t { return fchownat(fd, "", uid, gid, AT_EMPTY_PATH); });
}

Napi::Value ChangeTimes(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  std::string path = Path(options, "path");
  Span times = Bytes(options, "times");
  struct timespec both[2];
  if (times.length != sizeof both) throw Napi::RangeError::New(info.Env(), "times must have 32 bytes");
  std::memcpy(both, times.data, sizeof both);
  struct timespec first = both[0], second = both[1];
  return PoolCall::Start(options, "utimensat", [=]() -> int64_t {
    struct timespec pair[2] = {first, second};
    return utimensat(AT_FDCWD, path.c_str(), pair, 0);
  });
}

Napi::Value ReadDirectory(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  int fd = Descriptor(options, "fd");
  Napi::Value value = options.Get("offset");
  bool lossless = false;
  // A file system's cookie: often a hash that takes all 63 bits.
  int64_t offset = value.IsBigInt() ? value.As<Napi::BigInt>().Int64Value(&lossless) : 0;
  if (!lossless || offset < 0) throw Napi::TypeError::New(info.Env(), "offset must be a non-negative BigInt");
  Span into = Bytes(options, "into");
  return PoolCall::Start(options, "getdents64", [=]() -> int64_t {
    if (lseek(fd, offset, SEEK_SET) == -1) return -1;
    return syscall(SYS_getdents64, fd, into.data, into.length);
  });
}

}  // namespace vkrun
