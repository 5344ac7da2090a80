#pragma once

#include <napi.h>

namespace vkrun {

// openTap({ name, multiQueue, headerLength }): { fd, name }. Attaches to the tap interface, or creates it; not blocking.
Napi::Value OpenTap(const Napi::CallbackInfo& info);

// setTapOffloads({ fd, offloads }): void. TUNSETOFFLOAD: what may be given to who reads the descriptor, as TUN_F_* bits.
void SetTapOffloads(const Napi::CallbackInfo& info);

// setTapPersistent({ fd, persistent }): void. Whether the interface stays when its last descriptor is closed.
void SetTapPersistent(const Napi::CallbackInfo& info);

// setTapOwner({ fd, owner }): void. The user who may attach to the interface without privileges.
void SetTapOwner(const Napi::CallbackInfo& info);

}  // namespace vkrun
