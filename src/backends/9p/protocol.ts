// Numbers of 9P2000.L, the dialect that Linux speaks: Documentation/filesystems/9p.rst and include/net/9p/9p.h of Linux,
// and diod's protocol.md. A reply's type is its request's and one.

/** Requests. */
export const enum T {
  LERROR = 6,
  STATFS = 8,
  LOPEN = 12,
  LCREATE = 14,
  SYMLINK = 16,
  MKNOD = 18,
  RENAME = 20,
  READLINK = 22,
  GETATTR = 24,
  SETATTR = 26,
  XATTRWALK = 30,
  XATTRCREATE = 32,
  READDIR = 40,
  FSYNC = 50,
  LOCK = 52,
  GETLOCK = 54,
  LINK = 70,
  MKDIR = 72,
  RENAMEAT = 74,
  UNLINKAT = 76,
  VERSION = 100,
  AUTH = 102,
  ATTACH = 104,
  FLUSH = 108,
  WALK = 110,
  READ = 116,
  WRITE = 118,
  CLUNK = 120,
  REMOVE = 122,
}

/** size[4] type[1] tag[2] */
export const HEADER_LENGTH = 7;

export const NO_FID = 0xffff_ffff;
/** Of uid and gid: not said. */
export const NO_ID = 0xffff_ffff;
/** Names in one Twalk at most. */
export const WALK_MAX = 16;
/** The longest file name that Linux has. */
export const NAME_MAX = 255;
export const PATH_MAX = 4096;

/** First byte of a qid. */
export const enum QidType {
  FILE = 0x00,
  SYMLINK = 0x02,
  DIR = 0x80,
}

/** Flags of Tlopen and Tlcreate: those of Linux's generic ABI, whatever the host's are. */
export const enum OpenFlag {
  ACCESS = 0o3,
  WRONLY = 0o1,
  RDWR = 0o2,
  EXCL = 0o200,
  TRUNC = 0o1000,
  APPEND = 0o2000,
  DSYNC = 0o10000,
  SYNC = 0o4000000,
}

/** Valid bits of Tsetattr. */
export const enum SetAttr {
  MODE = 0x1,
  UID = 0x2,
  GID = 0x4,
  SIZE = 0x8,
  ATIME = 0x10,
  MTIME = 0x20,
  ATIME_SET = 0x80,
  MTIME_SET = 0x100,
}

/** What Rgetattr holds: all but birth time, generation and data version. */
export const GETATTR_BASIC = 0x7ffn;

export const enum LockType {
  READ = 0,
  WRITE = 1,
  NONE = 2,
}

export const enum LockStatus {
  SUCCESS = 0,
  BLOCKED = 1,
  ERROR = 2,
}

/** Tunlinkat */
export const AT_REMOVEDIR = 0x200;

/** V9FS_MAGIC, which statfs shows in the guest. */
export const STATFS_TYPE = 0x0102_1997;

/** File types in st_mode. */
export const enum FileType {
  MASK = 0o170000,
  FIFO = 0o010000,
  CHAR = 0o020000,
  DIR = 0o040000,
  BLOCK = 0o060000,
  FILE = 0o100000,
  SYMLINK = 0o120000,
  SOCKET = 0o140000,
}
