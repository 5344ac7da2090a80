// The sum of RFC 1071: no system call, but what a network card would do, on every byte that is sent.
#include "internet-checksum.h"

#include <cstring>

#include "arguments.h"

namespace vkrun {

Napi::Value InternetSum(const Napi::CallbackInfo& info) {
  Span bytes = Bytes(Options(info), "bytes");
  // Words of 32 bits, whose sum is congruent, in an order that compilers make vectors of.
  constexpr size_t kLanes = 8;
  uint64_t lanes[kLanes] = {};
  size_t at = 0;
  for (; at + sizeof(uint32_t) * kLanes <= bytes.length; at += sizeof(uint32_t) * kLanes) {
    uint32_t words[kLanes];
    std::memcpy(words, bytes.data + at, sizeof words);
    for (size_t lane = 0; lane < kLanes; lane++) lanes[lane] += words[lane];
  }
  uint64_t total = 0;
  for (uint64_t lane : lanes) total += lane;
  for (; at < bytes.length; at += sizeof(uint16_t)) {
    uint16_t word = 0;
    std::memcpy(&word, bytes.data + at, bytes.length - at == 1 ? 1 : sizeof word);
    total += word;
  }
  while (total > 0xffff) total = (total & 0xffff) + (total >> 16);
  return Napi::Number::New(info.Env(), static_cast<double>(total));
}

}  // namespace vkrun
