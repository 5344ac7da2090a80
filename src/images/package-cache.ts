/** The packages of a lock file, fetched and checked, in the cache. */
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { acquireLock } from "./cache-directory.js";
import { requireSpace } from "./disk-space.js";
import { download } from "./download.js";
import type { ProgressListener } from "./image-progress.js";
import type { LockedPackage } from "./lock-file.js";

export interface FetchOptions {
  mirror: () => Promise<string>;
  signal?: AbortSignal | undefined;
  onProgress?: ProgressListener | undefined;
}

/** Enough to hide a mirror's latency for small packages, few enough to be polite to it. */
const CONNECTIONS = 4;

export function packagePath(cache: string, entry: LockedPackage): string {
  return join(cache, "packages", `${entry.sha256}.deb`);
}

/** Bytes that `fetchPackages` would still write. */
export async function missingBytes(cache: string, packages: readonly LockedPackage[]): Promise<number> {
  let missing = 0;
  for (const entry of packages) {
    const present = await stat(packagePath(cache, entry)).catch(() => undefined);
    if (present?.size === entry.size) continue;
    const part = await stat(`${packagePath(cache, entry)}.part`).catch(() => undefined);
    missing += Math.max(0, entry.size - (part?.size ?? 0));
  }
  return missing;
}

/** The mirror is asked for only when something is missing: a full cache needs neither mirror nor network. */
export async function fetchPackages(
  cache: string,
  packages: readonly LockedPackage[],
  options: FetchOptions,
): Promise<void> {
  await mkdir(join(cache, "packages"), { recursive: true });
  const missing = await missingBytes(cache, packages);
  await requireSpace(cache, missing);
  let mirror: Promise<string> | undefined;
  const totalBytes = packages.reduce((sum, entry) => sum + entry.size, 0);
  const received = new Map<LockedPackage, number>();
  let receivedBytes = 0;

  const queue = [...packages];
  // The first failure stops the other connections too.
  const failure = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failure.signal]) : failure.signal;
  const connection = async (): Promise<void> => {
    for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
      const current = entry;
      const path = packagePath(cache, current);
      // Another image that is being built at this moment may want the same package.
      await using _lock = await acquireLock(path, { signal });
      const url = async () => {
        mirror ??= options.mirror();
        return `${await mirror}/${current.path}`;
      };
      await download(
        { url, path, size: current.size, sha256: current.sha256 },
        {
          signal,
          onProgress: (bytes) => {
            receivedBytes += bytes - (received.get(current) ?? 0);
            received.set(current, bytes);
            options.onProgress?.({ stage: "download", name: current.package, receivedBytes, totalBytes });
          },
        },
      );
    }
  };
  const results = await Promise.allSettled(
    Array.from({ length: CONNECTIONS }, () =>
      connection().catch((error: unknown) => {
        failure.abort(error);
        throw error;
      }),
    ),
  );
  options.signal?.throwIfAborted();
  // allSettled keeps no order in time: the error that stopped the rest is the abort's reason.
  if (results.some(({ status }) => status === "rejected")) throw failure.signal.reason;
}
