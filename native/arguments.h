// Reading the one options object that every call takes, and throwing what a system call answered.
#pragma once

#include <napi.h>
#include <net/if.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace vkrun {

// The first argument, which must be an object.
Napi::Object Options(const Napi::CallbackInfo& info);

// A non-negative integer property.
int64_t Integer(const Napi::Object& options, const char* name);

bool Boolean(const Napi::Object& options, const char* name);

std::string String(const Napi::Object& options, const char* name);

struct Span {
  uint8_t* data;
  size_t length;
};

// A Uint8Array property, over an ArrayBuffer or a SharedArrayBuffer.
Span Bytes(const Napi::Object& options, const char* name);

// The same for a value that is no property itself; `name` is for the message.
Span AsBytes(const Napi::Value& value, const char* name);

struct Words {
  const uint32_t* data;
  size_t length;
};

// A Uint32Array property.
Words Uint32s(const Napi::Object& options, const char* name);

struct Results {
  int32_t* data;
  size_t length;
};

// An Int32Array property.
Results Int32s(const Napi::Object& options, const char* name);

// A request about the network interface that the property names.
struct ifreq InterfaceRequest(const Napi::Object& options, const char* name);

// A string or Uint8Array property without zero bytes: names are bytes to Linux, whatever they mean.
std::string Path(const Napi::Object& options, const char* name);

// An Error in the shape of Node's own: code "EAGAIN", errno (negative) and syscall.
Napi::Error SystemError(Napi::Env env, int error, const char* syscall);

}  // namespace vkrun
