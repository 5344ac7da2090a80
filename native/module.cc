// The addon's table of contents. It has no policy: each file wraps one family of system calls, each call takes
// one options object, and a failing call throws with the errno's name. src/native.ts is its only caller.
#include <napi.h>

#include "file.h"
#include "memory.h"

namespace vkrun {

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("lockFile", Napi::Function::New(env, LockFile, "lockFile"));
  exports.Set("residentBytes", Napi::Function::New(env, ResidentBytes, "residentBytes"));
  exports.Set("discardMemory", Napi::Function::New(env, DiscardMemory, "discardMemory"));
  return exports;
}

NODE_API_MODULE(vkrun, Init)

}  // namespace vkrun
