/**
 * The addon, and the only module that loads it. It is loaded on first use; where it was not built or cannot be
 * loaded, whatever plain Node can do still works, and what cannot says why (ERR_VKRUN_ADDON_MISSING).
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { VkrunError } from "./errors.js";

/** One system call family an entry; see native/*.cc. Failing calls throw Node's usual system errors. */
export interface NativeAddon {
  /** Locks all of an open file without waiting; false when somebody else holds a lock that excludes this one. */
  lockFile(options: { fd: number; exclusive: boolean }): boolean;
  /** Bytes of `bytes` (page-aligned) that are in physical memory. */
  residentBytes(options: { bytes: Uint8Array }): number;
  /** Gives the pages of `bytes` (page-aligned) back to the host; they read as zeroes afterwards. */
  discardMemory(options: { bytes: Uint8Array }): void;
}

type Loaded = { addon: NativeAddon; error?: undefined } | { addon?: undefined; error: VkrunError };

/** From src/native.ts as from dist/native.js. */
const PACKAGE_ROOT = fileURLToPath(new URL("..", import.meta.url));

let loaded: Loaded | undefined;

function load(): Loaded {
  try {
    const require = createRequire(import.meta.url);
    const nodeGypBuild = require("node-gyp-build") as (directory: string) => NativeAddon;
    return { addon: nodeGypBuild(PACKAGE_ROOT) };
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split("\n", 1)[0] ?? "") : String(cause);
    return {
      error: new VkrunError("ERR_VKRUN_ADDON_MISSING", `vkrun's native addon cannot be loaded: ${why}`, {
        hint: "Build it with `npm rebuild vkrun` (needs python3, make and g++), or with `./build.sh build` in a checkout.",
        cause,
      }),
    };
  }
}

/** The addon; throws ERR_VKRUN_ADDON_MISSING where it is not to be had. */
export function native(): NativeAddon {
  loaded ??= load();
  if (loaded.error !== undefined) throw loaded.error;
  return loaded.addon;
}

/** Why there is no addon, or undefined when there is one. For those who can do without it but should say so. */
export function nativeUnavailable(): VkrunError | undefined {
  loaded ??= load();
  return loaded.error;
}
