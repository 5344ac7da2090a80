import { VkrunError } from "../errors.js";
import { DEVICE_SLOTS, type MachineConfig } from "../machine/machine-config.js";

/** Every virtio device takes a slot: what a machine always has, and what the options ask for. */
export function requireSlots({ memoryTarget, drives, network, shares, vsock }: MachineConfig): void {
  const wanted: readonly (readonly [number, string])[] = [
    [1, "console"],
    [1, "entropy source"],
    [memoryTarget === undefined ? 0 : 1, "balloon"],
    [drives.length, "drive"],
    [network === undefined ? 0 : 1, "network device"],
    [shares.length, "shared folder"],
    [vsock === undefined ? 0 : 1, "vsock"],
  ];
  const total = wanted.reduce((sum, [count]) => sum + count, 0);
  if (total <= DEVICE_SLOTS) return;
  const list = wanted
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${count} ${what}${count === 1 ? "" : "s"}`);
  throw new VkrunError(
    "ERR_VKRUN_BOOT_OPTIONS",
    `${total} devices are more than the ${DEVICE_SLOTS} that a machine has slots for`,
    { hint: `They are ${list.join(", ")}.` },
  );
}
