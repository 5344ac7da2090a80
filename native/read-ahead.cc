// read(2) on a thread of its own, into a ring of the caller's: for peers who do not wait for a reader that comes by now and then.
// Neither thread waits for the other, but that the reading one does while the ring is full.
#include "read-ahead.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <thread>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "arguments.h"

namespace vkrun {

namespace {

// For one look at the ring: less makes more system calls, more keeps the taker waiting.
constexpr size_t kReadMax = 256 * 1024;

class ReadAhead : public Napi::ObjectWrap<ReadAhead> {
 public:
  explicit ReadAhead(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ReadAhead>(info) {
    Napi::Env env = info.Env();
    Napi::Object options = Options(info);
    fd_ = static_cast<int>(Integer(options, "fd"));
    ring_ = Bytes(options, "ring");
    if (ring_.length == 0) throw Napi::RangeError::New(env, "ring is empty");
    Napi::Value callback = options.Get("onReady");
    if (!callback.IsFunction()) throw Napi::TypeError::New(env, "onReady must be a function");
    wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_ == -1) throw SystemError(env, errno, "eventfd");
    // The ring must be there for as long as the thread.
    kept_ = Napi::Persistent(options.Get("ring").As<Napi::Object>());
    on_ready_ = Napi::ThreadSafeFunction::New(env, callback.As<Napi::Function>(), "vkrun:ReadAhead", 0, 1);
    // Whoever waits has other reasons to be alive.
    on_ready_.Unref(env);
    try {
      thread_ = std::thread([this] { Run(); });
    } catch (const std::system_error& error) {
      close(wake_);
      on_ready_.Abort();
      throw SystemError(env, error.code().value(), "pthread_create");
    }
    napi_add_env_cleanup_hook(env, OnThreadEnd, this);
  }

  ~ReadAhead() override { Close(); }

  // Bytes that can be taken at once; with nothing left to take, -1 when there will be no more.
  Napi::Value Available(const Napi::CallbackInfo& info) {
    // In this order: what came before the end is seen.
    bool ended = ended_.load(std::memory_order_acquire);
    size_t filled = Filled();
    return Napi::Number::New(info.Env(), filled == 0 && ended ? -1.0 : static_cast<double>(filled));
  }

  void Consume(const Napi::CallbackInfo& info) {
    int64_t bytes = Integer(Options(info), "bytes");
    size_t filled = Filled();
    if (static_cast<uint64_t>(bytes) > filled) throw Napi::RangeError::New(info.Env(), "more than there is");
    taken_.fetch_add(static_cast<uint64_t>(bytes), std::memory_order_seq_cst);
    if (full_.exchange(false, std::memory_order_seq_cst)) Wake();
  }

  // One report for each time that it was armed: when so many bytes can be taken, or there will be no more.
  void Arm(const Napi::CallbackInfo& info) {
    int64_t bytes = Integer(Options(info), "bytes");
    if (static_cast<uint64_t>(bytes) > ring_.length) throw Napi::RangeError::New(info.Env(), "more than the ring holds");
    wanted_.store(static_cast<uint64_t>(bytes), std::memory_order_seq_cst);
    Report();
  }

  void CloseFromScript(const Napi::CallbackInfo&) { Close(); }

 private:
  size_t Filled() const {
    return static_cast<size_t>(read_.load(std::memory_order_acquire) - taken_.load(std::memory_order_acquire));
  }

  void Close() {
    if (closed_) return;
    closed_ = true;
    napi_remove_env_cleanup_hook(Env(), OnThreadEnd, this);
    Stop();
    on_ready_.Abort();
  }

  // Ends the thread: nothing of this object is used by it afterwards.
  void Stop() {
    stop_.store(true, std::memory_order_release);
    Wake();
    thread_.join();
    close(wake_);
  }

  static void OnThreadEnd(void* data) {
    auto* self = static_cast<ReadAhead*>(data);
    self->closed_ = true;
    self->Stop();
    self->on_ready_.Abort();
  }

  void Wake() {
    uint64_t one = 1;
    while (write(wake_, &one, sizeof one) == -1 && errno == EINTR) continue;
  }

  // By either thread; the one that finds the condition met takes the order away.
  void Report() {
    uint64_t wanted = wanted_.load(std::memory_order_seq_cst);
    if (wanted == 0 || (Filled() < wanted && !ended_.load(std::memory_order_seq_cst))) return;
    if (wanted_.compare_exchange_strong(wanted, 0, std::memory_order_seq_cst)) on_ready_.NonBlockingCall();
  }

  void Run() {
    while (!stop_.load(std::memory_order_acquire)) {
      size_t room = ring_.length - Filled();
      if (room == 0) {
        full_.store(true, std::memory_order_seq_cst);
        // It may have been emptied just before that was said.
        if (Filled() == ring_.length) Wait(false);
        full_.store(false, std::memory_order_seq_cst);
        continue;
      }
      size_t at = static_cast<size_t>(read_.load(std::memory_order_relaxed) % ring_.length);
      size_t length = std::min({room, ring_.length - at, kReadMax});
      ssize_t done = read(fd_, ring_.data + at, length);
      if (done > 0) {
        read_.fetch_add(static_cast<uint64_t>(done), std::memory_order_seq_cst);
        Report();
      } else if (done == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        Wait(true);
      } else if (done == 0 || errno != EINTR) {
        ended_.store(true, std::memory_order_seq_cst);
        Report();
        return;
      }
    }
  }

  // Until there is something to read, if that is wanted, or somebody calls.
  void Wait(bool readable) {
    struct pollfd polled[2] = {{wake_, POLLIN, 0}, {fd_, POLLIN, 0}};
    if (poll(polled, readable ? 2 : 1, -1) == -1 || (polled[0].revents & POLLIN) == 0) return;
    uint64_t count;
    while (read(wake_, &count, sizeof count) == -1 && errno == EINTR) continue;
  }

  int fd_ = -1;
  int wake_ = -1;
  Span ring_ = {nullptr, 0};
  Napi::ObjectReference kept_;
  Napi::ThreadSafeFunction on_ready_;
  bool closed_ = false;
  std::thread thread_;
  // Since the beginning: the thread adds to the one, the caller to the other.
  std::atomic<uint64_t> read_{0};
  std::atomic<uint64_t> taken_{0};
  // What was armed for; 0 when nothing is.
  std::atomic<uint64_t> wanted_{0};
  std::atomic<bool> full_{false};
  std::atomic<bool> ended_{false};
  std::atomic<bool> stop_{false};
};

}  // namespace

Napi::Function ReadAheadClass(Napi::Env env) {
  return Napi::ObjectWrap<ReadAhead>::DefineClass(
      env, "ReadAhead",
      {Napi::InstanceWrap<ReadAhead>::InstanceMethod("available", &ReadAhead::Available),
       Napi::InstanceWrap<ReadAhead>::InstanceMethod("consume", &ReadAhead::Consume),
       Napi::InstanceWrap<ReadAhead>::InstanceMethod("arm", &ReadAhead::Arm),
       Napi::InstanceWrap<ReadAhead>::InstanceMethod("close", &ReadAhead::CloseFromScript)});
}

}  // namespace vkrun
