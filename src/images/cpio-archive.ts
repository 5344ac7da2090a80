/** cpio in the "new ASCII" format, as Linux unpacks it for an initramfs (Documentation/driver-api/early-userspace/buffer-format.rst). */

export type CpioEntry =
  | { readonly path: string; readonly type: "directory" }
  | { readonly path: string; readonly type: "file"; readonly mode: number; readonly content: Buffer }
  | { readonly path: string; readonly type: "symlink"; readonly target: string };

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const MAGIC = "070701";
const TRAILER = "TRAILER!!!";

/** Everything belongs to root; `mtime` in seconds since 1970. */
export function cpioArchive(entries: readonly CpioEntry[], mtime: number): Buffer {
  const chunks: Buffer[] = [];
  entries.forEach((entry, index) => {
    // Names are relative: Linux unpacks into the root of its rootfs.
    const path = entry.path.replace(/^\/+/, "");
    switch (entry.type) {
      case "directory":
        chunks.push(...record(index + 1, path, S_IFDIR | 0o755, mtime, 2, Buffer.alloc(0)));
        break;
      case "file":
        chunks.push(...record(index + 1, path, S_IFREG | entry.mode, mtime, 1, entry.content));
        break;
      case "symlink":
        chunks.push(...record(index + 1, path, S_IFLNK | 0o777, mtime, 1, Buffer.from(entry.target)));
        break;
    }
  });
  chunks.push(...record(0, TRAILER, 0, 0, 1, Buffer.alloc(0)));
  return Buffer.concat(chunks);
}

function record(inode: number, path: string, mode: number, mtime: number, links: number, content: Buffer): Buffer[] {
  const name = Buffer.from(`${path}\0`);
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, mode, 0, 0, links, mtime, content.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(MAGIC + fields.map((field) => field.toString(16).padStart(8, "0")).join(""));
  return [header, name, padding(header.length + name.length), content, padding(content.length)];
}

/** Header with name, and contents, each end on a multiple of four bytes. */
function padding(length: number): Buffer {
  return Buffer.alloc(-length & 3);
}
