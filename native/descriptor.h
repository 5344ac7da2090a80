#pragma once

#include <napi.h>

namespace vkrun {

// closeDescriptor({ fd }): void. For descriptors that the addon opened: Node's own close() warns of those in a worker thread.
void CloseDescriptor(const Napi::CallbackInfo& info);

// setNonBlocking({ fd }): void. Reads and writes fail with EAGAIN instead of waiting.
void SetNonBlocking(const Napi::CallbackInfo& info);

// setCloseOnExec({ fd, close }): boolean. Whether programs that this process starts are without it; answers what was so before.
Napi::Value SetCloseOnExec(const Napi::CallbackInfo& info);

}  // namespace vkrun
