/**
 * What lies in the cache directory (cache-home.ts), and who may touch it.
 *
 *     packages/SHA256.deb          as fetched; .part while it is not whole
 *     images/NAME-HASH/            disk.img, vmlinuz, initrd, image.json; complete, or not there
 *     images/NAME-HASH.building/   at most one, and only its lock's holder touches it
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import lockfile from "proper-lockfile";
import { VkrunError } from "../errors.js";

export interface LockOptions {
  signal?: AbortSignal | undefined;
  /** Called once when somebody else holds the lock. */
  onWait?: () => void;
}

/** How old a lock must be for its holder to count as dead; a live one refreshes it at half that age. */
const STALE_MS = 10_000;
const POLL_MS = 200;

/**
 * Waits for, then takes, the lock on `target` across processes. The lock is a directory whose time its holder
 * keeps fresh, so a holder that was killed, or ran on another host of a shared cache, blocks nobody for long.
 */
export async function acquireLock(target: string, options: LockOptions = {}): Promise<AsyncDisposable> {
  await mkdir(join(target, ".."), { recursive: true });
  for (let waited = false; ; waited = true) {
    options.signal?.throwIfAborted();
    try {
      let compromised: Error | undefined;
      const release = await lockfile.lock(target, {
        realpath: false,
        stale: STALE_MS,
        onCompromised: (error) => {
          compromised = error;
        },
      });
      return {
        async [Symbol.asyncDispose]() {
          if (compromised === undefined) await release();
        },
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ELOCKED") {
        throw new VkrunError("ERR_VKRUN_CACHE_UNUSABLE", `cannot lock ${target}: ${(error as Error).message}`, {
          hint: "Set XDG_CACHE_HOME to a directory that you may write to.",
          cause: error,
        });
      }
    }
    if (!waited) options.onWait?.();
    await delay(POLL_MS, undefined, options.signal ? { signal: options.signal } : {});
  }
}
