// preadv2(2), pwritev2(2) and fallocate(2): between a file and the caller's bytes, which may be those of a guest's RAM.
//
// The calls with "Now" run on the calling thread; the others on libuv's pool, and keep `buffers` alive until they are done.
// Neither copies, but where O_DIRECT wants an alignment that the bytes do not have.
#include "file-io.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/uio.h>

#include "arguments.h"

namespace vkrun {

using Vector = std::vector<iovec>;

static Vector Buffers(const Napi::Object& options) {
  Napi::Value value = options.Get("buffers");
  if (!value.IsArray()) throw Napi::TypeError::New(options.Env(), "buffers must be an array");
  Napi::Array array = value.As<Napi::Array>();
  Vector vector;
  vector.reserve(array.Length());
  for (uint32_t index = 0; index < array.Length(); index++) {
    Span span = AsBytes(array.Get(index), "buffers");
    if (span.length != 0) vector.push_back({span.data, span.length});
  }
  return vector;
}

// What is left of a vector while it is worked through.
class Rest {
 public:
  explicit Rest(Vector vector) : vector_(std::move(vector)) {}

  bool Empty() const { return next_ == vector_.size(); }
  const iovec* Data() const { return vector_.data() + next_; }
  int Count() const { return static_cast<int>(std::min<size_t>(vector_.size() - next_, IOV_MAX)); }

  void Advance(size_t bytes) {
    while (bytes != 0) {
      iovec& first = vector_[next_];
      size_t part = std::min(bytes, first.iov_len);
      first.iov_base = static_cast<uint8_t*>(first.iov_base) + part;
      first.iov_len -= part;
      bytes -= part;
      if (first.iov_len == 0) next_++;
    }
  }

 private:
  Vector vector_;
  size_t next_ = 0;
};

enum class Direction { kRead, kWrite };

// Bytes moved until there was an error (in *error), nothing more to be had, or all was done.
static int64_t Transfer(Direction direction, int fd, int64_t offset, Rest* rest, int flags, int* error) {
  int64_t done = 0;
  *error = 0;
  while (!rest->Empty()) {
    ssize_t moved = direction == Direction::kRead ? preadv2(fd, rest->Data(), rest->Count(), offset + done, flags)
                                                  : pwritev2(fd, rest->Data(), rest->Count(), offset + done, flags);
    if (moved == -1 && errno == EINTR) continue;
    if (moved == -1) {
      *error = errno;
      return done;
    }
    // The end of the file; or a part of what is in the page cache: the next byte is not.
    if (moved == 0) return done;
    rest->Advance(static_cast<size_t>(moved));
    done += moved;
  }
  return done;
}

static bool WouldWait(int error) { return error == EAGAIN || error == EOPNOTSUPP; }

static Napi::Value TransferNow(const Napi::CallbackInfo& info, Direction direction, bool nowait) {
  Napi::Object options = Options(info);
  int fd = static_cast<int>(Integer(options, "fd"));
  int64_t offset = Integer(options, "offset");
  Rest rest(Buffers(options));
  int error;
  int64_t done = Transfer(direction, fd, offset, &rest, nowait ? RWF_NOWAIT : 0, &error);
  if (error != 0 && !(nowait && WouldWait(error))) {
    throw SystemError(info.Env(), error, direction == Direction::kRead ? "preadv" : "pwritev");
  }
  return Napi::Number::New(info.Env(), static_cast<double>(done));
}

Napi::Value ReadNow(const Napi::CallbackInfo& info) { return TransferNow(info, Direction::kRead, true); }

Napi::Value WriteNow(const Napi::CallbackInfo& info) {
  return TransferNow(info, Direction::kWrite, Boolean(Options(info), "nowait"));
}

// A system call on the pool, and the promise of its result.
class FileWorker : public Napi::AsyncWorker {
 public:
  FileWorker(Napi::Env env, const char* syscall) : AsyncWorker(env), deferred_(env), syscall_(syscall) {}

  Napi::Promise Start() {
    Napi::Promise promise = deferred_.Promise();
    Queue();
    return promise;
  }

 protected:
  void OnOK() override {
    if (error_ != 0) {
      deferred_.Reject(SystemError(Env(), error_, syscall_).Value());
    } else {
      deferred_.Resolve(Result());
    }
  }

  virtual Napi::Value Result() { return Env().Undefined(); }

  int error_ = 0;

 private:
  Napi::Promise::Deferred deferred_;
  const char* syscall_;
};

class TransferWorker : public FileWorker {
 public:
  TransferWorker(const Napi::Object& options, Direction direction)
      : FileWorker(options.Env(), direction == Direction::kRead ? "preadv" : "pwritev"),
        direction_(direction),
        fd_(static_cast<int>(Integer(options, "fd"))),
        offset_(Integer(options, "offset")),
        alignment_(static_cast<size_t>(Integer(options, "alignment"))),
        vector_(Buffers(options)),
        kept_(Napi::Persistent(options.Get("buffers").As<Napi::Object>())) {}

 protected:
  void Execute() override {
    if (alignment_ > 1 && !Aligned()) {
      ExecuteAligned();
      return;
    }
    Rest rest(vector_);
    done_ = Transfer(direction_, fd_, offset_, &rest, 0, &error_);
  }

  Napi::Value Result() override { return Napi::Number::New(Env(), static_cast<double>(done_)); }

 private:
  bool Aligned() const {
    return std::all_of(vector_.begin(), vector_.end(), [this](const iovec& part) {
      return reinterpret_cast<uintptr_t>(part.iov_base) % alignment_ == 0 && part.iov_len % alignment_ == 0;
    });
  }

  void ExecuteAligned() {
    size_t length = 0;
    for (const iovec& part : vector_) length += part.iov_len;
    size_t room = (length + alignment_ - 1) / alignment_ * alignment_;
    std::unique_ptr<uint8_t, decltype(&free)> bounce(static_cast<uint8_t*>(aligned_alloc(alignment_, room)), free);
    if (bounce == nullptr) {
      error_ = ENOMEM;
      return;
    }
    if (direction_ == Direction::kWrite) Copy(bounce.get(), length);
    Rest rest(Vector{{bounce.get(), length}});
    done_ = Transfer(direction_, fd_, offset_, &rest, 0, &error_);
    if (direction_ == Direction::kRead) Copy(bounce.get(), static_cast<size_t>(done_));
  }

  // Between the caller's bytes and `bounce`, in the direction of the transfer.
  void Copy(uint8_t* bounce, size_t length) {
    for (const iovec& part : vector_) {
      size_t piece = std::min(part.iov_len, length);
      if (direction_ == Direction::kWrite) memcpy(bounce, part.iov_base, piece);
      else memcpy(part.iov_base, bounce, piece);
      bounce += piece;
      length -= piece;
    }
  }

  Direction direction_;
  int fd_;
  int64_t offset_;
  size_t alignment_;
  Vector vector_;
  Napi::ObjectReference kept_;
  int64_t done_ = 0;
};

Napi::Value ReadFile(const Napi::CallbackInfo& info) {
  return (new TransferWorker(Options(info), Direction::kRead))->Start();
}

Napi::Value WriteFile(const Napi::CallbackInfo& info) {
  return (new TransferWorker(Options(info), Direction::kWrite))->Start();
}

class AllocateWorker : public FileWorker {
 public:
  explicit AllocateWorker(const Napi::Object& options)
      : FileWorker(options.Env(), "fallocate"),
        fd_(static_cast<int>(Integer(options, "fd"))),
        mode_(static_cast<int>(Integer(options, "mode"))),
        offset_(Integer(options, "offset")),
        length_(Integer(options, "length")) {}

 protected:
  void Execute() override {
    int result;
    do {
      result = fallocate(fd_, mode_, offset_, length_);
    } while (result == -1 && errno == EINTR);
    if (result == -1) error_ = errno;
  }

 private:
  int fd_;
  int mode_;
  int64_t offset_;
  int64_t length_;
};

Napi::Value AllocateFile(const Napi::CallbackInfo& info) { return (new AllocateWorker(Options(info)))->Start(); }

}  // namespace vkrun
