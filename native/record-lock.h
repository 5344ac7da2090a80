#pragma once

#include <napi.h>

namespace vkrun {

// Locks of open file descriptions on ranges of bytes; see fcntl(2). `type` is "read", "write" or "none"; a `length` of 0
// reaches to the end of the file.

// lockRange({ fd, type, start, length }): boolean. Does not wait; false when somebody else holds what excludes it.
Napi::Value LockRange(const Napi::CallbackInfo& info);

// testLock({ fd, type, start, length }): a lock in the way as { type, start, length }, or null.
Napi::Value TestLock(const Napi::CallbackInfo& info);

}  // namespace vkrun
