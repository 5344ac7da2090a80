#pragma once

#include <napi.h>

namespace vkrun {

// The class DescriptorWatch: new DescriptorWatch({ fd, onReady }), arm({ readable, writable }), close().
Napi::Function DescriptorWatchClass(Napi::Env env);

}  // namespace vkrun
