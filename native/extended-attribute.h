#pragma once

#include <napi.h>

namespace vkrun {

// Extended attributes of what `path` names, xattr(7). Each answers a promise of a number.

// getAttribute({ path, name, into }): the value's length; with an empty `into` what it would be.
Napi::Value GetAttribute(const Napi::CallbackInfo& info);

// listAttributes({ path, into }): the length of the list of names, each ended by a zero byte.
Napi::Value ListAttributes(const Napi::CallbackInfo& info);

// setAttribute({ path, name, value, flags }), removeAttribute({ path, name }): 0.
Napi::Value SetAttribute(const Napi::CallbackInfo& info);
Napi::Value RemoveAttribute(const Napi::CallbackInfo& info);

}  // namespace vkrun
