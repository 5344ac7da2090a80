#pragma once

#include <napi.h>

namespace vkrun {

// trimHeap({}): Promise<number>. Gives what malloc keeps unused back to the host, on another thread; 1 when there was some.
Napi::Value TrimHeap(const Napi::CallbackInfo& info);

}  // namespace vkrun
