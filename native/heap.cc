// malloc_trim(3), which only glibc has.
#include "heap.h"

#include <cstdlib>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "arguments.h"
#include "pool-call.h"

namespace vkrun {

Napi::Value TrimHeap(const Napi::CallbackInfo& info) {
  return PoolCall::Start(Options(info), "malloc_trim", []() -> int64_t {
#if defined(__GLIBC__)
    return malloc_trim(0);
#else
    return 0;
#endif
  });
}

}  // namespace vkrun
