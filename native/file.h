#pragma once

#include <napi.h>

namespace vkrun {

// lockFile({ fd, exclusive }): boolean. Locks the whole file, without waiting; false when somebody else holds it.
Napi::Value LockFile(const Napi::CallbackInfo& info);

}  // namespace vkrun
