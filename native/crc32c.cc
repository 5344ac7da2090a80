#include "crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif

namespace vkrun {

// 0x1EDC6F41 with its bits reversed: bytes are taken least significant bit first.
static constexpr uint32_t kPolynomial = 0x82f63b78;

using Tables = std::array<std::array<uint32_t, 256>, 8>;

// Table n has the CRC of a byte that n zero bytes follow, so that eight bytes are eight independent lookups.
static Tables MakeTables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = value;
  }
  for (size_t table = 1; table < tables.size(); table++) {
    for (uint32_t byte = 0; byte < 256; byte++) {
      uint32_t before = tables[table - 1][byte];
      tables[table][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

uint32_t Crc32cByTable(uint32_t crc, const uint8_t* data, size_t length) {
  static const Tables kTables = MakeTables();
  crc = ~crc;
  for (; length >= 8; length -= 8, data += 8) {
    uint32_t low = crc ^ (uint32_t{data[0]} | uint32_t{data[1]} << 8 | uint32_t{data[2]} << 16 | uint32_t{data[3]} << 24);
    crc = kTables[7][low & 0xff] ^ kTables[6][(low >> 8) & 0xff] ^ kTables[5][(low >> 16) & 0xff] ^ kTables[4][low >> 24] ^
          kTables[3][data[4]] ^ kTables[2][data[5]] ^ kTables[1][data[6]] ^ kTables[0][data[7]];
  }
  for (; length != 0; length--, data++) crc = (crc >> 8) ^ kTables[0][(crc ^ *data) & 0xff];
  return ~crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t Crc32cByInstruction(uint32_t crc, const uint8_t* data, size_t length) {
  uint64_t state = ~crc;
  for (; length >= 8; length -= 8, data += 8) {
    uint64_t word;
    memcpy(&word, data, 8);
    state = _mm_crc32_u64(state, word);
  }
  for (; length != 0; length--, data++) state = _mm_crc32_u8(static_cast<uint32_t>(state), *data);
  return ~static_cast<uint32_t>(state);
}

static bool HasInstruction() { return __builtin_cpu_supports("sse4.2"); }

#elif defined(__aarch64__)

__attribute__((target("+crc"))) static uint32_t Crc32cByInstruction(uint32_t crc, const uint8_t* data, size_t length) {
  crc = ~crc;
  for (; length >= 8; length -= 8, data += 8) {
    uint64_t word;
    memcpy(&word, data, 8);
    crc = __crc32cd(crc, word);
  }
  for (; length != 0; length--, data++) crc = __crc32cb(crc, *data);
  return ~crc;
}

static bool HasInstruction() { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }

#else

static uint32_t Crc32cByInstruction(uint32_t crc, const uint8_t* data, size_t length) { return Crc32cByTable(crc, data, length); }

static bool HasInstruction() { return false; }

#endif

uint32_t Crc32c(uint32_t crc, const uint8_t* data, size_t length) {
  static const bool kHasInstruction = HasInstruction();
  return kHasInstruction ? Crc32cByInstruction(crc, data, length) : Crc32cByTable(crc, data, length);
}

}  // namespace vkrun
