#pragma once

#include <napi.h>

namespace vkrun {

// readNow({ fd, offset, buffers }): number. Reads what needs no waiting; how many bytes that were, possibly none.
Napi::Value ReadNow(const Napi::CallbackInfo& info);

// writeNow({ fd, offset, buffers, nowait }): number. Writes on this thread; with `nowait` only what needs no waiting.
Napi::Value WriteNow(const Napi::CallbackInfo& info);

// readFile({ fd, offset, buffers, alignment }): Promise<number>. Reads up to the end of the file, on another thread.
Napi::Value ReadFile(const Napi::CallbackInfo& info);

// writeFile({ fd, offset, buffers, alignment }): Promise<number>. Writes everything, on another thread.
Napi::Value WriteFile(const Napi::CallbackInfo& info);

// allocateFile({ fd, offset, length, mode }): Promise<void>. fallocate(2), on another thread.
Napi::Value AllocateFile(const Napi::CallbackInfo& info);

}  // namespace vkrun
