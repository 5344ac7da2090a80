/** Names what a disk or partition holds by its signature, so that a message can say more than "not ext4". */

interface Signature {
  readonly name: string;
  readonly offset: number;
  readonly bytes: string;
}

const SIGNATURES: readonly Signature[] = [
  { name: "ext2/3/4", offset: 0x438, bytes: "\x53\xef" },
  { name: "XFS", offset: 0, bytes: "XFSB" },
  { name: "Btrfs", offset: 0x10040, bytes: "_BHRfS_M" },
  { name: "FAT32", offset: 0x52, bytes: "FAT32" },
  { name: "FAT16", offset: 0x36, bytes: "FAT16" },
  { name: "FAT12", offset: 0x36, bytes: "FAT12" },
  { name: "NTFS", offset: 3, bytes: "NTFS    " },
  { name: "exFAT", offset: 3, bytes: "EXFAT   " },
  { name: "F2FS", offset: 0x400, bytes: "\x10\x20\xf5\xf2" },
  { name: "EROFS", offset: 0x400, bytes: "\xe2\xe1\xf5\xe0" },
  { name: "SquashFS", offset: 0, bytes: "hsqs" },
  { name: "ISO 9660", offset: 0x8001, bytes: "CD001" },
  { name: "LUKS encrypted volume", offset: 0, bytes: "LUKS\xba\xbe" },
  { name: "LVM physical volume", offset: 0x200, bytes: "LABELONE" },
  { name: "swap space", offset: 0xff6, bytes: "SWAPSPACE2" },
  { name: "qcow2 image", offset: 0, bytes: "QFI\xfb" },
  { name: "VMDK image", offset: 0, bytes: "KDMV" },
  { name: "VHDX image", offset: 0, bytes: "vhdxfile" },
  { name: "VirtualBox image", offset: 0x40, bytes: "\x7f\x10\xda\xbe" },
  { name: "gzip compressed file", offset: 0, bytes: "\x1f\x8b\x08" },
  { name: "xz compressed file", offset: 0, bytes: "\xfd7zXZ" },
  { name: "zstd compressed file", offset: 0, bytes: "\x28\xb5\x2f\xfd" },
  { name: "bzip2 compressed file", offset: 0, bytes: "BZh" },
  { name: "zip archive", offset: 0, bytes: "PK\x03\x04" },
];

/** How many bytes from the start `contentName` wants to see. */
export const SIGNATURE_SPAN = 0x10040 + 8;

export function contentName(head: Uint8Array): string | undefined {
  return SIGNATURES.find((signature) => matches(head, signature))?.name;
}

function matches(head: Uint8Array, { offset, bytes }: Signature): boolean {
  for (let i = 0; i < bytes.length; i++) {
    if (head[offset + i] !== bytes.charCodeAt(i)) return false;
  }
  return true;
}
