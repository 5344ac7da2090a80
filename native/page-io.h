#pragma once

#include <napi.h>

namespace vkrun {

// crc32c({ bytes, crc, table }): number. Goes on from `crc`; with `table` without the processor's instruction.
Napi::Value Crc32cOf(const Napi::CallbackInfo& info);

// writeGuestPages({ fd, dataOffset, ram, ramPage, first, pages, wanted, presentOut, zeroOut, crcOut }): Promise<number>.
// Pages of `ram` that `wanted` asks for and that are not zero go to the file; how many those were.
Napi::Value WriteGuestPages(const Napi::CallbackInfo& info);

// writeGuestCopies({ fd, dataOffset, pages, bytes, presentOut, zeroOut, crcOut }): Promise<number>. The same for copies of pages,
// whose numbers are in `pages`.
Napi::Value WriteGuestCopies(const Napi::CallbackInfo& info);

// readGuestPages({ fd, dataOffset, ram, ramPage, first, pages, wanted }): Promise<number>. The other way; how many pages were read.
Napi::Value ReadGuestPages(const Napi::CallbackInfo& info);

// checkGuestPages({ fd, dataOffset, first, pages, present, crcs, badOut }): Promise<number>. How many pages of the file are not
// what the tables say.
Napi::Value CheckGuestPages(const Napi::CallbackInfo& info);

// zeroesIn({ fd, offset, length }): Promise<number>. How many zero bytes the range begins with; `length` when it has no others.
Napi::Value ZeroesIn(const Napi::CallbackInfo& info);

}  // namespace vkrun
