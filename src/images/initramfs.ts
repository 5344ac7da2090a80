/**
 * The initramfs of every image: busybox, the modules without which the root file system cannot be mounted, and
 * `guest/initramfs/init`, which loads them, mounts the root and goes over to its init. Not compressed: it is
 * small, and inflating it would cost the guest more than reading it does.
 */
import { type CpioEntry, cpioArchive } from "./cpio-archive.js";
import type { KernelModule } from "./kernel-modules.js";
import type { OverlayFile } from "./recipe.js";

export interface InitramfsParts {
  readonly busybox: Buffer;
  /** In loading order. */
  readonly modules: readonly KernelModule[];
  readonly overlay: readonly OverlayFile[];
  readonly mtime: number;
}

export function buildInitramfs({ busybox, modules, overlay, mtime }: InitramfsParts): Buffer {
  const files = [
    { path: "/bin/busybox", mode: 0o755, content: busybox },
    // Names sort in loading order, so that init needs no list.
    ...modules.map(({ name, content }, index) => ({
      path: `/modules/${String(index).padStart(2, "0")}-${name}.ko`,
      mode: 0o644,
      content,
    })),
    ...overlay.map(({ path, executable, content }) => ({ path, mode: executable ? 0o755 : 0o644, content })),
  ];
  const directories = new Set(["/bin", "/dev", "/modules", "/proc", "/root", "/run", "/sys"]);
  const entries: CpioEntry[] = [
    ...[...directories].map((path): CpioEntry => ({ path, type: "directory" })),
    { path: "/bin/sh", type: "symlink", target: "busybox" },
    ...files.map((file): CpioEntry => ({ type: "file", ...file })),
  ];
  return cpioArchive(entries, mtime);
}
