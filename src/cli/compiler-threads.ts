/**
 * V8 compiles hot wasm a second time on a pool of threads, four of them whatever the number of processors. With the few
 * that a small host has, they would take most of the guest's time: five threads on two processors leave it two fifths of
 * one. So they get what the guest's thread leaves. The command does this because the process is its own.
 */
import { readdirSync, readFileSync } from "node:fs";
import { setPriority } from "node:os";

const NICENESS = 10;
/** Node's threads are created in this order: the main one, the one that minds delayed tasks, the pool. */
const BEFORE_POOL = 2;
const POOL = 4;
/** What newer versions of Node call the threads of the pool. */
const POOL_NAME = /^V8Worker/;

export function lowerCompilerThreads(): void {
  try {
    const threads = readdirSync("/proc/self/task", "utf8")
      .map(Number)
      .sort((a, b) => a - b);
    const named = threads.filter((thread) => POOL_NAME.test(readFileSync(`/proc/self/task/${thread}/comm`, "utf8")));
    const pool = named.length > 0 ? named : threads.slice(BEFORE_POOL, BEFORE_POOL + POOL);
    // On Linux a thread has a priority of its own.
    for (const thread of pool) setPriority(thread, NICENESS);
  } catch {
    // No /proc, or no such right: guests run all the same.
  }
}
