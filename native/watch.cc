// epoll(7) by way of the calling thread's own libuv loop: tells once when a descriptor can be read or written.
#include "watch.h"

#include <memory>

#include <node_api.h>
#include <uv.h>

#include "arguments.h"

namespace vkrun {

namespace {

// What libuv keeps until it has closed the handle, which may be after the JavaScript object is gone.
struct Poll {
  uv_poll_t handle;
  class DescriptorWatch* owner;
  napi_async_cleanup_hook_handle cleanup;
};

class DescriptorWatch : public Napi::ObjectWrap<DescriptorWatch> {
 public:
  explicit DescriptorWatch(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<DescriptorWatch>(info), context_(info.Env(), "vkrun:DescriptorWatch") {
    Napi::Env env = info.Env();
    Napi::Object options = Options(info);
    int fd = static_cast<int>(Integer(options, "fd"));
    Napi::Value callback = options.Get("onReady");
    if (!callback.IsFunction()) throw Napi::TypeError::New(env, "onReady must be a function");
    on_ready_ = Napi::Persistent(callback.As<Napi::Function>());

    uv_loop_t* loop;
    if (napi_get_uv_event_loop(env, &loop) != napi_ok) throw Napi::Error::New(env, "no event loop");
    auto poll = std::make_unique<Poll>();
    int error = uv_poll_init(loop, &poll->handle, fd);
    if (error != 0) throw SystemError(env, -error, "epoll_ctl");
    poll_ = poll.release();
    poll_->handle.data = poll_;
    poll_->owner = this;
    // Whoever waits has other reasons to be alive.
    uv_unref(reinterpret_cast<uv_handle_t*>(&poll_->handle));
    // A thread may be ended with the watch still open; its loop must not be left with an open handle.
    napi_add_async_cleanup_hook(env, OnThreadEnd, poll_, &poll_->cleanup);
  }

  ~DescriptorWatch() override { Close(); }

  // One report for each time that it was armed.
  void Arm(const Napi::CallbackInfo& info) {
    Napi::Object options = Options(info);
    int events = (Boolean(options, "readable") ? UV_READABLE : 0) | (Boolean(options, "writable") ? UV_WRITABLE : 0);
    if (poll_ == nullptr) return;
    int error = events == 0 ? uv_poll_stop(&poll_->handle) : uv_poll_start(&poll_->handle, events, OnEvents);
    if (error != 0) throw SystemError(info.Env(), -error, "epoll_ctl");
  }

  void CloseFromScript(const Napi::CallbackInfo&) { Close(); }

 private:
  void Close() {
    if (poll_ == nullptr) return;
    Poll* poll = poll_;
    poll_ = nullptr;
    poll->owner = nullptr;
    if (!uv_is_closing(reinterpret_cast<uv_handle_t*>(&poll->handle))) {
      uv_close(reinterpret_cast<uv_handle_t*>(&poll->handle), OnClosed);
    }
  }

  static void OnEvents(uv_poll_t* handle, int status, int events) {
    uv_poll_stop(handle);
    DescriptorWatch* watch = static_cast<Poll*>(handle->data)->owner;
    if (watch == nullptr) return;
    Napi::Env env = watch->Env();
    Napi::HandleScope scope(env);
    // An error shows at the read or write that follows, which says what it is.
    bool readable = status != 0 || (events & UV_READABLE) != 0;
    bool writable = status != 0 || (events & UV_WRITABLE) != 0;
    try {
      watch->on_ready_.MakeCallback(watch->Value(), {Napi::Boolean::New(env, readable), Napi::Boolean::New(env, writable)},
                                    watch->context_);
    } catch (const Napi::Error& error) {
      napi_fatal_exception(env, error.Value());
    }
  }

  static void OnClosed(uv_handle_t* handle) {
    std::unique_ptr<Poll> poll(static_cast<Poll*>(handle->data));
    if (poll->cleanup != nullptr) napi_remove_async_cleanup_hook(poll->cleanup);
  }

  static void OnThreadEnd(napi_async_cleanup_hook_handle, void* data) {
    Poll* poll = static_cast<Poll*>(data);
    if (poll->owner != nullptr) poll->owner->poll_ = nullptr;
    poll->owner = nullptr;
    if (!uv_is_closing(reinterpret_cast<uv_handle_t*>(&poll->handle))) {
      uv_close(reinterpret_cast<uv_handle_t*>(&poll->handle), OnClosed);
    }
  }

  Poll* poll_ = nullptr;
  Napi::FunctionReference on_ready_;
  Napi::AsyncContext context_;
};

}  // namespace

Napi::Function DescriptorWatchClass(Napi::Env env) {
  return Napi::ObjectWrap<DescriptorWatch>::DefineClass(
      env, "DescriptorWatch",
      {Napi::InstanceWrap<DescriptorWatch>::InstanceMethod("arm", &DescriptorWatch::Arm),
       Napi::InstanceWrap<DescriptorWatch>::InstanceMethod("close", &DescriptorWatch::CloseFromScript)});
}

}  // namespace vkrun
