// getxattr(2) and its kin.
#include "extended-attribute.h"

#include <string>

#include <sys/xattr.h>

#include "arguments.h"
#include "pool-call.h"

namespace vkrun {

Napi::Value GetAttribute(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  std::string path = Path(options, "path");
  std::string name = Path(options, "name");
  Span into = Bytes(options, "into");
  return PoolCall::Start(options, "getxattr", [=]() -> int64_t {
    return getxattr(path.c_str(), name.c_str(), into.data, into.length);
  });
}

Napi::Value ListAttributes(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  std::string path = Path(options, "path");
  Span into = Bytes(options, "into");
  return PoolCall::Start(options, "listxattr", [=]() -> int64_t {
    return listxattr(path.c_str(), reinterpret_cast<char*>(into.data), into.length);
  });
}

Napi::Value SetAttribute(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  std::string path = Path(options, "path");
  std::string name = Path(options, "name");
  Span value = Bytes(options, "value");
  int flags = static_cast<int>(Integer(options, "flags"));
  return PoolCall::Start(options, "setxattr", [=]() -> int64_t {
    return setxattr(path.c_str(), name.c_str(), value.data, value.length, flags);
  });
}

Napi::Value RemoveAttribute(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  std::string path = Path(options, "path");
  std::string name = Path(options, "name");
  return PoolCall::Start(options, "removexattr",
                         [=]() -> int64_t { return removexattr(path.c_str(), name.c_str()); });
}

}  // namespace vkrun
