#pragma once

#include <napi.h>

namespace vkrun {

// residentBytes({ bytes }): number. How much of `bytes` is in physical memory, in whole pages.
Napi::Value ResidentBytes(const Napi::CallbackInfo& info);

// discardMemory({ bytes }): void. Gives the pages back to the host; they read as zeroes from then on.
void DiscardMemory(const Napi::CallbackInfo& info);

}  // namespace vkrun
