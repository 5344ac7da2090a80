#pragma once

#include <napi.h>

namespace vkrun {

// closeDescriptor({ fd }): void. For descriptors that the addon opened: Node's own close() warns of those in a worker thread.
void CloseDescriptor(const Napi::CallbackInfo& info);

// setNonBlocking({ fd }): void. Reads and writes fail with EAGAIN instead of waiting.
void SetNonBlocking(const Napi::CallbackInfo& info);

}  // namespace vkrun
