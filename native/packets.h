#pragma once

#include <napi.h>

namespace vkrun {

// Both calls know packets and buffers as runs of bytes of `memory`, described by `vectors`, a Uint32Array: for each, a count
// of segments and then an offset and a length for each segment. `results` is an Int32Array with an entry for each packet.

// writePackets({ fd, memory, vectors, packets, results }): number. Writes each packet by one writev(2). Answers how many
// were dealt with before the descriptor would have blocked; a result is the bytes written, or an errno negated.
Napi::Value WritePackets(const Napi::CallbackInfo& info);

// readPackets({ fd, memory, vectors, buffers, maximum, mergeable, results }): number. Reads packets of up to `maximum` bytes,
// one readv(2) each, while there are any and there is room for one: in the next buffer, or with `mergeable` in the next
// buffers taken together. Answers how many were read; a result is a packet's length.
Napi::Value ReadPackets(const Napi::CallbackInfo& info);

}  // namespace vkrun
