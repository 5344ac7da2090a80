import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { COMMAND } from "../support/command.js";
import { consoleProgram } from "../support/console-program.js";

/** proc(5), /proc/PID/task/TID/stat: the 19th field, counted from behind the name. */
function niceness(pid: number, thread: number): number {
  const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
  return Number(
    stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .at(16),
  );
}

it("leaves the processor to the guest before V8's compiler threads", async () => {
  using program = await consoleProgram();
  const child = spawn(process.execPath, [COMMAND, "--elf", program.elfPath], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  try {
    await once(child.stdout, "data");
    const pid = child.pid ?? 0;
    const threads = readdirSync(`/proc/${pid}/task`).map(Number);
    const own = niceness(process.pid, process.pid);
    const lowered = threads.filter((thread) => niceness(pid, thread) > own);
    expect(lowered).toHaveLength(4);
    expect(lowered).not.toContain(pid);
  } finally {
    child.stdin.end("p");
    await ended;
  }
});
