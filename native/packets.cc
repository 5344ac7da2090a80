// readv(2) and writev(2) of many packets in one call, straight out of and into a memory such as a guest's.
#include "packets.h"

#include <cerrno>
#include <climits>
#include <vector>

#include <sys/uio.h>
#include <unistd.h>

#include "arguments.h"

namespace vkrun {

namespace {

// Walks `vectors` one packet (or buffer) at a time. Whatever is in there, what comes out lies in `memory`.
class Walker {
 public:
  Walker(Napi::Env env, Span memory, Words vectors) : env_(env), memory_(memory), vectors_(vectors) {}

  // Appends the next one's segments; answers their bytes.
  size_t Append(std::vector<struct iovec>* to) {
    if (at_ >= vectors_.length) throw Invalid("vectors end early");
    size_t segments = vectors_.data[at_++];
    if (segments > (vectors_.length - at_) / 2) throw Invalid("vectors end early");
    size_t bytes = 0;
    for (; segments > 0; segments--, at_ += 2) {
      size_t offset = vectors_.data[at_], length = vectors_.data[at_ + 1];
      if (offset > memory_.length || length > memory_.length - offset) throw Invalid("a segment is not in memory");
      to->push_back({memory_.data + offset, length});
      bytes += length;
    }
    if (to->size() > IOV_MAX) throw Invalid("too many segments");
    return bytes;
  }

 private:
  Napi::Error Invalid(const char* what) { return Napi::RangeError::New(env_, what); }

  Napi::Env env_;
  Span memory_;
  Words vectors_;
  size_t at_ = 0;
};

template <typename Call>
ssize_t Restarting(Call call) {
  ssize_t result;
  do {
    result = call();
  } while (result == -1 && errno == EINTR);
  return result;
}

}  // namespace

Napi::Value WritePackets(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object options = Options(info);
  int fd = static_cast<int>(Integer(options, "fd"));
  size_t packets = static_cast<size_t>(Integer(options, "packets"));
  Walker walker(env, Bytes(options, "memory"), Uint32s(options, "vectors"));
  Results results = Int32s(options, "results");
  if (packets > results.length) throw Napi::RangeError::New(env, "more packets than results");

  std::vector<struct iovec> iovecs;
  size_t done = 0;
  for (; done < packets; done++) {
    iovecs.clear();
    walker.Append(&iovecs);
    ssize_t written = Restarting([&] { return writev(fd, iovecs.data(), static_cast<int>(iovecs.size())); });
    if (written == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    results.data[done] = written == -1 ? -errno : static_cast<int32_t>(written);
  }
  return Napi::Number::New(env, static_cast<double>(done));
}

Napi::Value ReadPackets(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object options = Options(info);
  int fd = static_cast<int>(Integer(options, "fd"));
  size_t buffers = static_cast<size_t>(Integer(options, "buffers"));
  size_t maximum = static_cast<size_t>(Integer(options, "maximum"));
  bool mergeable = Boolean(options, "mergeable");
  Walker walker(env, Bytes(options, "memory"), Uint32s(options, "vectors"));
  Results results = Int32s(options, "results");

  // Segments of the buffers that the next packet can use. `ends` holds where each buffer ends in there.
  std::vector<struct iovec> iovecs;
  std::vector<size_t> ends, lengths;
  size_t first = 0, room = 0, packets = 0;
  while (packets < results.length) {
    while (room < maximum && buffers > 0 && (mergeable || iovecs.empty())) {
      size_t length = walker.Append(&iovecs);
      ends.push_back(iovecs.size());
      lengths.push_back(length);
      room += length;
      buffers--;
    }
    if (room < maximum) break;
    ssize_t length = Restarting([&] { return readv(fd, iovecs.data(), static_cast<int>(iovecs.size())); });
    if (length == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (length == -1) throw SystemError(env, errno, "readv");
    // The end of a stream, or an interface that is gone.
    if (length == 0) break;
    results.data[packets++] = static_cast<int32_t>(length);
    // The buffers that it lies in are used, the last one too, however little of it.
    size_t covered = 0;
    first = 0;
    while (first < lengths.size() && covered < static_cast<size_t>(length)) covered += lengths[first++];
    iovecs.erase(iovecs.begin(), iovecs.begin() + static_cast<ptrdiff_t>(ends[first - 1]));
    size_t gone = ends[first - 1];
    ends.erase(ends.begin(), ends.begin() + static_cast<ptrdiff_t>(first));
    for (size_t& end : ends) end -= gone;
    lengths.erase(lengths.begin(), lengths.begin() + static_cast<ptrdiff_t>(first));
    room -= covered;
  }
  return Napi::Number::New(env, static_cast<double>(packets));
}

}  // namespace vkrun
