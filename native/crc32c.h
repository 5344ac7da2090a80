// CRC-32C (Castagnoli; RFC 3720 section 12.1), with the processor's own instruction where it has one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vkrun {

// Of the bytes that gave `crc`, and then of these. Begins and ends with 0: the inversions are inside.
uint32_t Crc32c(uint32_t crc, const uint8_t* data, size_t length);

// The same by tables, whatever the processor has; for those without, and for tests to compare with.
uint32_t Crc32cByTable(uint32_t crc, const uint8_t* data, size_t length);

}  // namespace vkrun
