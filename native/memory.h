#pragma once

#include <napi.h>

namespace vkrun {

// Of the host, in bytes.
size_t PageSize();

// residentBytes({ bytes }): number. How much of `bytes` is in physical memory, in whole pages.
Napi::Value ResidentBytes(const Napi::CallbackInfo& info);

// discardMemory({ bytes }): void. Gives the pages back to the host; they read as zeroes from then on.
void DiscardMemory(const Napi::CallbackInfo& info);

// mapFile({ bytes, fd, offset, shared }): void. `bytes` show the file from now on; what is written to them goes to the file
// with `shared`, and stays private without.
void MapFile(const Napi::CallbackInfo& info);

// mapAnonymous({ bytes }): void. Ends a mapFile: `bytes` are ordinary memory again, and read as zeroes.
void MapAnonymous(const Napi::CallbackInfo& info);

// adviseMemory({ bytes, advice }): void. madvise(2) with one of "normal", "random", "sequential", "willneed", "hugepage",
// "nohugepage", "mergeable", "dontfork".
void AdviseMemory(const Napi::CallbackInfo& info);

// createMemfd({ name, length }): number. A descriptor of a file that is nowhere but in memory.
Napi::Value CreateMemfd(const Napi::CallbackInfo& info);

}  // namespace vkrun
