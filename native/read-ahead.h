#pragma once

#include <napi.h>

namespace vkrun {

// The class ReadAhead: new ReadAhead({ fd, ring, onReady }), available(), consume({ bytes }), arm({ bytes }), close().
Napi::Function ReadAheadClass(Napi::Env env);

}  // namespace vkrun
