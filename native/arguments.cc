#include "arguments.h"

#include <cmath>
#include <cstring>
#include <string>

#include <uv.h>

namespace vkrun {

Napi::Object Options(const Napi::CallbackInfo& info) {
  if (info.Length() < 1 || !info[0].IsObject()) {
    throw Napi::TypeError::New(info.Env(), "expected an options object");
  }
  return info[0].As<Napi::Object>();
}

int64_t Integer(const Napi::Object& options, const char* name) {
  Napi::Value value = options.Get(name);
  if (value.IsNumber()) {
    double number = value.As<Napi::Number>().DoubleValue();
    // 2^53 - 1, the largest integer that a number holds exactly.
    if (number >= 0 && number <= 9007199254740991.0 && std::floor(number) == number) {
      return static_cast<int64_t>(number);
    }
  }
  throw Napi::TypeError::New(options.Env(), std::string(name) + " must be a non-negative integer");
}

bool Boolean(const Napi::Object& options, const char* name) {
  Napi::Value value = options.Get(name);
  if (!value.IsBoolean()) {
    throw Napi::TypeError::New(options.Env(), std::string(name) + " must be a boolean");
  }
  return value.As<Napi::Boolean>().Value();
}

std::string String(const Napi::Object& options, const char* name) {
  Napi::Value value = options.Get(name);
  if (!value.IsString()) throw Napi::TypeError::New(options.Env(), std::string(name) + " must be a string");
  return value.As<Napi::String>().Utf8Value();
}

// Not by way of Napi::TypedArray: that refuses arrays over shared memory.
static void* Elements(const Napi::Value& value, const char* name, napi_typedarray_type wanted, const char* wanted_name,
                      size_t* length) {
  napi_typedarray_type type;
  void* data = nullptr;
  if (!value.IsTypedArray() ||
      napi_get_typedarray_info(value.Env(), value, &type, length, &data, nullptr, nullptr) != napi_ok ||
      type != wanted) {
    throw Napi::TypeError::New(value.Env(), std::string(name) + " must be a " + wanted_name);
  }
  return data;
}

Span Bytes(const Napi::Object& options, const char* name) { return AsBytes(options.Get(name), name); }

Span AsBytes(const Napi::Value& value, const char* name) {
  Span span;
  span.data = static_cast<uint8_t*>(Elements(value, name, napi_uint8_array, "Uint8Array", &span.length));
  return span;
}

Words Uint32s(const Napi::Object& options, const char* name) {
  Words words;
  words.data = static_cast<const uint32_t*>(Elements(options.Get(name), name, napi_uint32_array, "Uint32Array", &words.length));
  return words;
}

Results Int32s(const Napi::Object& options, const char* name) {
  Results results;
  results.data = static_cast<int32_t*>(Elements(options.Get(name), name, napi_int32_array, "Int32Array", &results.length));
  return results;
}

struct ifreq InterfaceRequest(const Napi::Object& options, const char* name) {
  std::string interface = String(options, name);
  struct ifreq request = {};
  if (interface.empty() || interface.size() >= sizeof request.ifr_name) {
    throw Napi::RangeError::New(options.Env(), std::string(name) + " is no name of an interface");
  }
  std::memcpy(request.ifr_name, interface.c_str(), interface.size());
  return request;
}

std::string Path(const Napi::Object& options, const char* name) {
  Napi::Value value = options.Get(name);
  std::string path;
  if (value.IsString()) {
    path = value.As<Napi::String>().Utf8Value();
  } else {
    Span span = Bytes(options, name);
    path.assign(reinterpret_cast<const char*>(span.data), span.length);
  }
  if (path.find('\0') != std::string::npos) {
    throw Napi::TypeError::New(options.Env(), std::string(name) + " must not hold a zero byte");
  }
  return path;
}

Napi::Error SystemError(Napi::Env env, int error, const char* syscall) {
  char name[32];
  uv_err_name_r(-error, name, sizeof name);
  std::string message = std::string(name) + ": " + std::strerror(error) + ", " + syscall;
  Napi::Error thrown = Napi::Error::New(env, message);
  thrown.Set("code", Napi::String::New(env, name));
  thrown.Set("errno", Napi::Number::New(env, -error));
  thrown.Set("syscall", Napi::String::New(env, syscall));
  return thrown;
}

}  // namespace vkrun
