/** Lock files: `guest/NAME.lock.json` pins every package of an image by version, place and SHA-256. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { VkrunError } from "../errors.js";
import { GUEST_DIRECTORY } from "./recipe.js";

export interface LockedPackage {
  readonly package: string;
  readonly version: string;
  /** Path below the mirror's address. */
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

export interface LockFile {
  readonly lockVersion: 1;
  readonly suite: string;
  readonly architecture: string;
  /** The Packages index that was read. `signed`: it is the one that the archive's Release file names. */
  readonly index: { readonly sha256: string; readonly signed: boolean };
  /** The package among `packages` that holds the kernel. */
  readonly kernel: string;
  /** In the order in which they are configured: what is depended on comes first. */
  readonly packages: readonly LockedPackage[];
}

export function lockFilePath(name: string, directory = GUEST_DIRECTORY): string {
  return join(directory, `${name}.lock.json`);
}

export async function readLockFile(name: string, directory = GUEST_DIRECTORY): Promise<LockFile> {
  const path = lockFilePath(name, directory);
  const text = await readFile(path, "utf8").catch((cause) => {
    throw invalid(path, "it cannot be read", cause);
  });
  return parseLockFile(text, path);
}

/** Checks what a hash cannot: that paths stay below the mirror, and that each entry is whole. */
export function parseLockFile(text: string, path: string): LockFile {
  let lock: LockFile;
  try {
    lock = JSON.parse(text) as LockFile;
  } catch (cause) {
    throw invalid(path, "it is not JSON", cause);
  }
  if (lock?.lockVersion !== 1) throw invalid(path, `lockVersion is ${String(lock?.lockVersion)}, not 1`);
  if (!Array.isArray(lock.packages)) throw invalid(path, "it lists no packages");
  for (const entry of lock.packages as readonly Partial<LockedPackage>[]) {
    const name = String(entry?.package);
    if (typeof entry?.package !== "string" || typeof entry.version !== "string") {
      throw invalid(path, `an entry has no package or no version (${name})`);
    }
    if (!/^[0-9a-f]{64}$/.test(entry.sha256 ?? "")) throw invalid(path, `${name} has no SHA-256`);
    if (!Number.isSafeInteger(entry.size) || (entry.size ?? 0) <= 0) throw invalid(path, `${name} has no size`);
    if (!/^pool\/[\w.+~:%/-]+\.deb$/.test(entry.path ?? "") || (entry.path ?? "").includes("..")) {
      throw invalid(path, `${name} is not in the archive's pool: ${entry.path}`);
    }
  }
  if (!lock.packages.some((entry) => entry.package === lock.kernel)) {
    throw invalid(path, `its kernel (${lock.kernel}) is not among its packages`);
  }
  return lock;
}

export function formatLockFile(lock: LockFile): string {
  return `${JSON.stringify(lock, null, 2)}\n`;
}

function invalid(path: string, why: string, cause?: unknown): VkrunError {
  return new VkrunError("ERR_VKRUN_LOCK_INVALID", `${path} is not a usable lock file: ${why}`, {
    hint: "Write it anew with: vkrun image lock NAME",
    cause,
  });
}
