/**
 * A started program has the descriptors that it is given, and those that somebody forgot to mark as this process's own: V8's
 * perf map is one, and whatever this process inherited itself. They would stay open there for as long as that program runs.
 */
import { readdirSync } from "node:fs";
import { native } from "../native.js";

const STDERR_FD = 2;

/** Calls `start`, which starts a program; that gets no descriptors but those that it is given. */
export function keepingDescriptors<T>(start: () => T): T {
  const marked = openDescriptors().filter((fd) => mark(fd, true) === false);
  try {
    return start();
  } finally {
    // An embedder may have left them open for programs of its own.
    for (const fd of marked) mark(fd, false);
  }
}

function openDescriptors(): number[] {
  return readdirSync("/proc/self/fd")
    .map(Number)
    .filter((fd) => fd > STDERR_FD);
}

/** Undefined when it has been closed meanwhile. */
function mark(fd: number, close: boolean): boolean | undefined {
  try {
    return native().setCloseOnExec({ fd, close });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EBADF") return undefined;
    throw error;
  }
}
