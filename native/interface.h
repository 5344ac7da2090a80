#pragma once

#include <napi.h>

namespace vkrun {

// interfaceState({ name }): { up, mtu } | undefined. A network interface of this process's namespace.
Napi::Value InterfaceState(const Napi::CallbackInfo& info);

// setInterfaceUp({ name }): void.
void SetInterfaceUp(const Napi::CallbackInfo& info);

// setInterfaceMtu({ name, mtu }): void.
void SetInterfaceMtu(const Napi::CallbackInfo& info);

// addToBridge({ bridge, name }): void. Makes the interface a port of the bridge.
void AddToBridge(const Napi::CallbackInfo& info);

}  // namespace vkrun
