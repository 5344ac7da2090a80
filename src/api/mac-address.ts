/** Ethernet addresses of guests. */
import { createHash, randomBytes } from "node:crypto";
import { VkrunError } from "../errors.js";

/** Locally administered, and known from QEMU as that of a virtual machine. */
const PREFIX = [0x52, 0x54, 0x00] as const;
const SUFFIX_LENGTH = 3;
const MAC_LENGTH = 6;
const GROUP_BIT = 1;

/** The address of a guest that was not given one: the same for the same name, on every host and at every boot. */
export function macOfName(name: string): Uint8Array {
  return Uint8Array.of(...PREFIX, ...createHash("sha256").update(name).digest().subarray(0, SUFFIX_LENGTH));
}

/** The address of a guest that is a copy of another one: nobody else's. */
export function randomMac(): Uint8Array {
  return Uint8Array.of(...PREFIX.slice(0, 2), ...randomBytes(MAC_LENGTH - 2));
}

/** Six bytes from "52:54:00:12:34:56". */
export function parseMac(text: string): Uint8Array {
  if (typeof text !== "string" || !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) {
    throw invalid(text, "is not a MAC address");
  }
  const mac = Uint8Array.from(text.split(":"), (digits) => Number.parseInt(digits, 16));
  if (((mac[0] ?? 0) & GROUP_BIT) !== 0) throw invalid(text, "is the MAC address of a group, not of a guest");
  // Linux would take one at random instead (is_valid_ether_addr), and nobody would know it.
  if (mac.every((byte) => byte === 0)) throw invalid(text, "is no guest's MAC address");
  return mac;
}

export function formatMac(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

function invalid(text: unknown, why: string): VkrunError {
  return new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `"${String(text)}" ${why}`, {
    hint: "Write six bytes with an even first one, such as 52:54:00:12:34:56, or leave `mac` out.",
  });
}
