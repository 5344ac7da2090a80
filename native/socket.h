#pragma once

#include <napi.h>

namespace vkrun {

// openSocketPair({ sendBuffer }): { ours, theirs }. Connected UNIX stream sockets; ours does not block.
Napi::Value OpenSocketPair(const Napi::CallbackInfo& info);

}  // namespace vkrun
