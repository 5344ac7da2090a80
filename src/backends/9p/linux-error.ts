import { constants } from "node:os";

type ErrnoName = keyof typeof constants.errno;

/** An error for the guest, by Linux's name. */
export class LinuxError extends Error {
  override readonly name = "LinuxError";

  constructor(readonly code: ErrnoName) {
    super(code);
  }
}

/** What Rlerror says: Linux's number. On every processor that Node runs on they are those of its generic ABI. */
export function errnoOf(error: unknown): number {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return (code !== undefined && constants.errno[code as ErrnoName]) || constants.errno.EIO;
}

export function isErrno(error: unknown, code: ErrnoName): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === code;
}
