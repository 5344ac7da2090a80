// mincore(2) and madvise(2) on guest RAM, which is private anonymous memory of this process.
#include "memory.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include "arguments.h"

namespace vkrun {

// Both calls act on whole pages, and neither may touch a page that the caller's bytes only share.
static void RequirePageAligned(Napi::Env env, const Span& span, size_t page) {
  if (reinterpret_cast<uintptr_t>(span.data) % page != 0 || span.length % page != 0) {
    throw Napi::RangeError::New(env, "bytes must begin and end on a page boundary");
  }
}

Napi::Value ResidentBytes(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Span span = Bytes(Options(info), "bytes");
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
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
  RequirePageAligned(env, span, static_cast<size_t>(sysconf(_SC_PAGESIZE)));
  if (span.length != 0 && madvise(span.data, span.length, MADV_DONTNEED) == -1) {
    throw SystemError(env, errno, "madvise");
  }
}

}  // namespace vkrun
