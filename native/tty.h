#pragma once

#include <napi.h>

namespace vkrun {

// openPty({ columns, rows }): { master, slave, path }. A pair of pseudoterminals, neither of them the controlling one.
Napi::Value OpenPty(const Napi::CallbackInfo& info);

// setRawMode({ fd }): Uint8Array. Every byte as it is, both ways; answers the settings that were in force.
Napi::Value SetRawMode(const Napi::CallbackInfo& info);

// restoreMode({ fd, mode }): void. Puts settings back that `setRawMode` answered.
void RestoreMode(const Napi::CallbackInfo& info);

// windowSize({ fd }): { columns, rows }.
Napi::Value WindowSize(const Napi::CallbackInfo& info);

// setWindowSize({ fd, columns, rows }): void.
void SetWindowSize(const Napi::CallbackInfo& info);

}  // namespace vkrun
