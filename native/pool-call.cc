#include "pool-call.h"

#include <cerrno>
#include <utility>

#include "arguments.h"

namespace vkrun {

PoolCall::PoolCall(const Napi::Object& options, const char* syscall, Work work)
    : Napi::AsyncWorker(options.Env(), syscall),
      deferred_(Napi::Promise::Deferred::New(options.Env())),
      options_(Napi::Persistent(options)),
      syscall_(syscall),
      work_(std::move(work)) {}

Napi::Value PoolCall::Start(const Napi::Object& options, const char* syscall, Work work) {
  auto* call = new PoolCall(options, syscall, std::move(work));
  Napi::Promise promise = call->deferred_.Promise();
  call->Queue();  // deletes itself
  return promise;
}

void PoolCall::Execute() {
  do {
    errno = 0;
    result_ = work_();
  } while (result_ == -1 && errno == EINTR);
  error_ = result_ == -1 ? errno : 0;
}

void PoolCall::OnOK() {
  Napi::HandleScope scope(Env());
  try {
    if (error_ == 0) deferred_.Resolve(Napi::Number::New(Env(), static_cast<double>(result_)));
    else deferred_.Reject(SystemError(Env(), error_, syscall_).Value());
  } catch (const Napi::Error&) {
    // The thread that asked is ending: nothing can be told to JavaScript any more, and nobody waits.
  }
}

}  // namespace vkrun
