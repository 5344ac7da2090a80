// Pages of a guest's RAM to and from a checkpoint (docs/checkpoint-format.md): pwrite(2), pread(2) and lseek(2), with the work
// on each page that would keep a JavaScript thread busy. All of it runs on libuv's pool.
//
// Bitmaps are bytes, bit n % 8 of byte n / 8. `wanted` begins with page `first`; the tables begin with guest page 0. The guest
// may store to `ram` meanwhile: what is then written is replaced by whoever lets it.
#include "page-io.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include <unistd.h>

#include "arguments.h"
#include "crc32c.h"
#include "pool-call.h"

namespace vkrun {

static constexpr int64_t kPage = 4096;
// Read at once when a file is checked.
static constexpr int64_t kChunk = 256 * kPage;

static bool Test(const uint8_t* bits, int64_t index) { return (bits[index >> 3] >> (index & 7) & 1) != 0; }
static void Set(uint8_t* bits, int64_t index) { bits[index >> 3] |= static_cast<uint8_t>(1 << (index & 7)); }
static void Clear(uint8_t* bits, int64_t index) { bits[index >> 3] &= static_cast<uint8_t>(~(1 << (index & 7))); }

// memcmp with itself one byte on: as fast as memory on every processor, and mostly ended by the first word.
static bool IsZero(const uint8_t* data, size_t length) {
  return length == 0 || (data[0] == 0 && memcmp(data, data + 1, length - 1) == 0);
}

static void StoreCrc(uint8_t* table, int64_t page, uint32_t crc) {
  for (int byte = 0; byte < 4; byte++) table[page * 4 + byte] = static_cast<uint8_t>(crc >> (8 * byte));
}

static uint32_t LoadCrc(const uint8_t* table, int64_t page) {
  uint32_t crc = 0;
  for (int byte = 0; byte < 4; byte++) crc |= uint32_t{table[page * 4 + byte]} << (8 * byte);
  return crc;
}

static bool WriteAll(int fd, const uint8_t* data, int64_t length, int64_t offset) {
  while (length > 0) {
    ssize_t done = pwrite(fd, data, static_cast<size_t>(length), offset);
    if (done == -1 && errno == EINTR) continue;
    if (done == -1) return false;
    data += done;
    length -= done;
    offset += done;
  }
  return true;
}

// Up to the end of the file: how many bytes, or -1.
static int64_t ReadAll(int fd, uint8_t* data, int64_t length, int64_t offset) {
  int64_t total = 0;
  while (total < length) {
    ssize_t done = pread(fd, data + total, static_cast<size_t>(length - total), offset + total);
    if (done == -1 && errno == EINTR) continue;
    if (done == -1) return -1;
    if (done == 0) break;
    total += done;
  }
  return total;
}

// What every call about pages has. Lengths are checked here, on the calling thread, so that no work can leave its arrays.
struct Range {
  int fd;
  int64_t data_offset;
  int64_t first;
  int64_t pages;

  explicit Range(const Napi::Object& options)
      : fd(static_cast<int>(Integer(options, "fd"))),
        data_offset(Integer(options, "dataOffset")),
        first(Integer(options, "first")),
        pages(Integer(options, "pages")) {
    // Keeps the sums below from overflowing; a guest's RAM is far smaller.
    const int64_t limit = int64_t{1} << 40;
    if (first > limit || pages > limit) throw Napi::RangeError::New(options.Env(), "too many pages");
  }

  int64_t End() const { return first + pages; }
  int64_t Offset(int64_t page) const { return data_offset + page * kPage; }
};

static uint8_t* Table(const Napi::Object& options, const char* name, int64_t bits) {
  Span span = Bytes(options, name);
  if (static_cast<int64_t>(span.length) < (bits + 7) / 8) {
    throw Napi::RangeError::New(options.Env(), std::string(name) + " is too short");
  }
  return span.data;
}

Napi::Value Crc32cOf(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  Span bytes = Bytes(options, "bytes");
  auto crc = static_cast<uint32_t>(Integer(options, "crc"));
  auto* function = Boolean(options, "table") ? Crc32cByTable : Crc32c;
  return Napi::Number::New(info.Env(), function(crc, bytes.data, bytes.length));
}

// What a file has of each page, as it is written.
struct Tables {
  uint8_t* present;
  uint8_t* zero;
  uint8_t* crcs;

  Tables(const Napi::Object& options, int64_t pages)
      : present(Table(options, "presentOut", pages)),
        zero(Table(options, "zeroOut", pages)),
        crcs(Table(options, "crcOut", pages * 32)) {}

  void NotePresent(int64_t page, const uint8_t* bytes) const {
    StoreCrc(crcs, page, Crc32c(0, bytes, kPage));
    Set(present, page);
    Clear(zero, page);
  }

  // `offset` is the page's in the file.
  bool NoteZero(int fd, int64_t page, int64_t offset) const {
    static const uint8_t kZeroes[kPage] = {};
    // What an earlier call wrote of the page would otherwise be mapped at a thaw.
    if (Test(present, page) && !WriteAll(fd, kZeroes, kPage, offset)) return false;
    Clear(present, page);
    Set(zero, page);
    return true;
  }
};

struct WriteWork {
  Range range;
  // Where guest page 0 would be; only the range's pages are there for certain.
  const uint8_t* ram;
  const uint8_t* wanted;
  Tables tables;

  // Pages that follow each other in RAM do so in the file: a run is one write.
  bool Flush(int64_t begin, int64_t end) const {
    return begin == end || WriteAll(range.fd, ram + begin * kPage, (end - begin) * kPage, range.Offset(begin));
  }

  int64_t operator()() const {
    int64_t written = 0;
    int64_t run = range.first;
    for (int64_t page = range.first; page < range.End(); page++) {
      const uint8_t* bytes = ram + page * kPage;
      bool take = Test(wanted, page - range.first);
      if (take && !IsZero(bytes, kPage)) {
        tables.NotePresent(page, bytes);
        written++;
        continue;
      }
      if (!Flush(run, page)) return -1;
      run = page + 1;
      if (take && !tables.NoteZero(range.fd, page, range.Offset(page))) return -1;
    }
    return Flush(run, range.End()) ? written : -1;
  }
};

// Where guest page 0 would be, when `ram` begins with page `ramPage`.
static uint8_t* Ram(const Napi::Object& options, const Range& range) {
  Span ram = Bytes(options, "ram");
  int64_t base = Integer(options, "ramPage");
  if (range.first < base || static_cast<int64_t>(ram.length) / kPage < range.End() - base) {
    throw Napi::RangeError::New(options.Env(), "pages lie outside ram");
  }
  return ram.data - base * kPage;
}

Napi::Value WriteGuestPages(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  Range range(options);
  WriteWork work{range,
                 Ram(options, range),
                 Table(options, "wanted", range.pages),
                 Tables(options, range.End())};
  return PoolCall::Start(options, "pwrite", work);
}

Napi::Value WriteGuestCopies(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  int fd = static_cast<int>(Integer(options, "fd"));
  int64_t data_offset = Integer(options, "dataOffset");
  Words pages = Uint32s(options, "pages");
  Span bytes = Bytes(options, "bytes");
  if (bytes.length / kPage < pages.length) throw Napi::RangeError::New(options.Env(), "bytes are too few");
  // The caller may change its list while the call runs; what was checked is what is used.
  std::vector<uint32_t> numbers(pages.data, pages.data + pages.length);
  auto last = std::max_element(numbers.begin(), numbers.end());
  Tables tables(options, last == numbers.end() ? 0 : int64_t{*last} + 1);
  return PoolCall::Start(options, "pwrite", [=, numbers = std::move(numbers)]() -> int64_t {
    int64_t written = 0;
    const uint8_t* next = bytes.data;
    for (uint32_t page : numbers) {
      int64_t offset = data_offset + int64_t{page} * kPage;
      if (IsZero(next, kPage)) {
        if (!tables.NoteZero(fd, page, offset)) return -1;
      } else {
        tables.NotePresent(page, next);
        if (!WriteAll(fd, next, kPage, offset)) return -1;
        written++;
      }
      next += kPage;
    }
    return written;
  });
}

Napi::Value ReadGuestPages(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  Range range(options);
  uint8_t* ram = Ram(options, range);
  const uint8_t* wanted = Table(options, "wanted", range.pages);
  return PoolCall::Start(options, "pread", [=]() -> int64_t {
    int64_t count = 0;
    for (int64_t page = range.first; page < range.End();) {
      int64_t end = page;
      while (end < range.End() && Test(wanted, end - range.first)) end++;
      if (end == page) {
        page++;
        continue;
      }
      int64_t length = (end - page) * kPage;
      int64_t done = ReadAll(range.fd, ram + page * kPage, length, range.Offset(page));
      if (done >= 0 && done < length) errno = ENODATA;
      if (done < length) return -1;
      count += end - page;
      page = end;
    }
    return count;
  });
}

// Where data begins at or behind `offset`: `end` when there is none before it. Where the file system cannot tell, at `offset`.
static int64_t NextData(int fd, int64_t offset, int64_t end) {
  off_t data = lseek(fd, offset, SEEK_DATA);
  if (data == -1) return errno == ENXIO ? end : offset;
  return std::min<int64_t>(std::max<int64_t>(data, offset), end);
}

struct CheckWork {
  Range range;
  const uint8_t* present;
  const uint8_t* crcs;
  uint8_t* bad;

  bool Good(int64_t page, const uint8_t* bytes) const {
    return Test(present, page) ? Crc32c(0, bytes, kPage) == LoadCrc(crcs, page) : IsZero(bytes, kPage);
  }

  int64_t operator()() const {
    std::unique_ptr<uint8_t, decltype(&free)> chunk(static_cast<uint8_t*>(malloc(kChunk)), free);
    if (chunk == nullptr) {
      errno = ENOMEM;
      return -1;
    }
    int64_t count = 0;
    for (int64_t page = range.first; page < range.End();) {
      if (!Test(present, page)) {
        // Mostly a hole, as it should be, and then there is nothing to read until the next data or the next page that is present.
        int64_t data = (NextData(range.fd, range.Offset(page), range.Offset(range.End())) - range.data_offset) / kPage;
        while (page < data && !Test(present, page)) page++;
        if (page >= range.End()) break;
      }
      int64_t pages = std::min(range.End() - page, kChunk / kPage);
      int64_t length = ReadAll(range.fd, chunk.get(), pages * kPage, range.Offset(page));
      // A part of a disk that cannot be read is damage of those pages like any other.
      for (int64_t index = 0; index < pages; index++) {
        if ((index + 1) * kPage <= length && Good(page + index, chunk.get() + index * kPage)) continue;
        Set(bad, page + index);
        count++;
      }
      page += pages;
    }
    return count;
  }
};

Napi::Value CheckGuestPages(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  Range range(options);
  CheckWork work{range, Table(options, "present", range.End()), Table(options, "crcs", range.End() * 32),
                 Table(options, "badOut", range.End())};
  return PoolCall::Start(options, "pread", work);
}

Napi::Value ZeroesIn(const Napi::CallbackInfo& info) {
  Napi::Object options = Options(info);
  int fd = static_cast<int>(Integer(options, "fd"));
  int64_t offset = Integer(options, "offset");
  int64_t length = Integer(options, "length");
  return PoolCall::Start(options, "pread", [=]() -> int64_t {
    std::unique_ptr<uint8_t, decltype(&free)> chunk(static_cast<uint8_t*>(malloc(kChunk)), free);
    if (chunk == nullptr) {
      errno = ENOMEM;
      return -1;
    }
    int64_t end = offset + length;
    for (int64_t at = NextData(fd, offset, end); at < end;) {
      int64_t done = ReadAll(fd, chunk.get(), std::min(end - at, kChunk), at);
      if (done == -1) return -1;
      const uint8_t* found = std::find_if(chunk.get(), chunk.get() + done, [](uint8_t byte) { return byte != 0; });
      at += found - chunk.get();
      if (found != chunk.get() + done || done == 0) return at - offset;
      at = NextData(fd, at, end);
    }
    return length;
  });
}

}  // namespace vkrun
