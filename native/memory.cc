// mincore(2), madvise(2) and mmap(2) on guest RAM, which is private anonymous memory of this process; memfd_create(2).
#include "memory.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include "arguments.h"

namespace vkrun {

size_t PageSize() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

// Both calls act on whole pages, and neither may touch a page that the caller's bytes only share.
static void RequirePageAligned(Napi::Env env, const Span& span, size_t page) {
  if (reinterpret_cast<uintptr_t>(span.data) % page != 0 || span.length % page != 0) {
    throw Napi::RangeError::New(env, "bytes must begin and end on a page boundary");
  }
}

Napi::Value ResidentBytes(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Span span = Bytes(Options(info), "bytes");
  const size_t page = PageSize();
  RequirePageAligned(env, span, page);

  // One byte of answer a page: asked for piecewise, so that 3.5 GiB of guest do not cost a megabyte of answer.
  std::vector<unsigned char> present(16384);
  size_t resident = 0;
  for (size_t at = 0; at < span.length;) {
    size_t length = std::min(span.length - at, present.size() * page);
    if (mincore(span.data + at, length, present.data()) == -1) throw SystemError(env, errno, "mincore");
    size_t pages = length / page;
    resident += std::count_if(present.begin(), present.begin() + pages, [](unsigned char bits) { return bits & 1; });
    at += length;
  }
  return Napi::Number::New(env, static_cast<double>(resident) * static_cast<double>(page));
}

void DiscardMemory(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Span span = Bytes(Options(info), "bytes");
  RequirePageAligned(env, span, PageSize());
  if (span.length != 0 && madvise(span.data, span.length, MADV_DONTNEED) == -1) {
    throw SystemError(env, errno, "madvise");
  }
}

// MAP_FIXED over pages that belong to the array's memory already: the address space does not change, only what is behind it.
static void MapOver(const Napi::CallbackInfo& info, int flags, int fd, off_t offset) {
  Napi::Env env = info.Env();
  Span span = Bytes(Options(info), "bytes");
  RequirePageAligned(env, span, PageSize());
  if (span.length == 0) return;
  if (mmap(span.data, span.length, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, offset) == MAP_FAILED) {
    throw SystemError(env, errno, "mmap");
  }
}

void MapFile(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  int fd = static_cast<int>(Integer(options, "fd"));
  int flags = Boolean(options, "shared") ? MAP_SHARED : MAP_PRIVATE;
  MapOver(info, flags, fd, static_cast<off_t>(Integer(options, "offset")));
}

void MapAnonymous(const Napi::CallbackInfo& info) { MapOver(info, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0); }

void AdviseMemory(const Napi::CallbackInfo& info) {
  static const struct {
    const char* name;
    int value;
  } kAdvice[] = {
      {"normal", MADV_NORMAL},       {"random", MADV_RANDOM},         {"sequential", MADV_SEQUENTIAL},
      {"willneed", MADV_WILLNEED},   {"hugepage", MADV_HUGEPAGE},     {"nohugepage", MADV_NOHUGEPAGE},
      {"mergeable", MADV_MERGEABLE}, {"dontfork", MADV_DONTFORK},
  };
  Napi::Env env = info.Env();
  Napi::Object options = Options(info);
  Span span = Bytes(options, "bytes");
  RequirePageAligned(env, span, PageSize());
  std::string name = String(options, "advice");
  for (const auto& advice : kAdvice) {
    if (name != advice.name) continue;
    if (span.length != 0 && madvise(span.data, span.length, advice.value) == -1) throw SystemError(env, errno, "madvise");
    return;
  }
  throw Napi::RangeError::New(env, "there is no advice " + name);
}

Napi::Value CreateMemfd(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object options = Options(info);
  off_t length = static_cast<off_t>(Integer(options, "length"));
  int fd = memfd_create(String(options, "name").c_str(), MFD_CLOEXEC);
  if (fd == -1) throw SystemError(env, errno, "memfd_create");
  if (ftruncate(fd, length) == -1) {
    int error = errno;
    close(fd);
    throw SystemError(env, error, "ftruncate");
  }
  return Napi::Number::New(env, fd);
}

}  // namespace vkrun
