// System calls that may wait for a disk or a network run on libuv's pool and answer a promise of a number. What else they
// have to tell they write into the caller's arrays, which are kept for as long as the call runs.
#pragma once

#include <napi.h>

#include <cstdint>
#include <functional>

namespace vkrun {

class PoolCall : public Napi::AsyncWorker {
 public:
  // Answers -1 and sets errno, or what the promise resolves to. Called again when a signal interrupted it.
  using Work = std::function<int64_t()>;

  // `options` holds the arrays that `work` has pointers into.
  static Napi::Value Start(const Napi::Object& options, const char* syscall, Work work);

 protected:
  void Execute() override;
  void OnOK() override;

 private:
  PoolCall(const Napi::Object& options, const char* syscall, Work work);

  Napi::Promise::Deferred deferred_;
  Napi::ObjectReference options_;
  const char* syscall_;
  Work work_;
  int64_t result_ = 0;
  int error_ = 0;
};

}  // namespace vkrun
