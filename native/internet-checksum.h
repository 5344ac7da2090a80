#pragma once

#include <napi.h>

namespace vkrun {

// internetSum({ bytes }): number.
Napi::Value InternetSum(const Napi::CallbackInfo& info);

}  // namespace vkrun
