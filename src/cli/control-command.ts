/** `vkrun ps`, `vkrun balloon`, `vkrun vmspaces` and `vkrun stop`: what can be said to vkernels that run. */
import { Command } from "commander";
import type { Vmspaces } from "../index.js";
import { ControlClient } from "./control-client.js";
import { listEntries, type VKernelEntry } from "./control-folder.js";
import type { VKernelStatus } from "./control-protocol.js";
import { duration, mebibytes, textTable } from "./text-table.js";
import { vmspacesTable } from "./vmspaces-table.js";

/** For a vkernel to say how it is. One that is stopped never does. */
const STATUS_MS = 2000;

export function psCommand(): Command {
  return new Command("ps")
    .description("list the vkernels that are running")
    .option("--json", "print JSON instead of a table")
    .action(async ({ json }: { json?: boolean }) => {
      const found = await Promise.all((await listEntries()).map(statusOf));
      process.stdout.write(json === true ? `${JSON.stringify(found, undefined, 2)}\n` : psTable(found));
    });
}

export function balloonCommand(): Command {
  return new Command("balloon")
    .description("change how much of its memory a running guest is left with")
    .argument("<name>", "name of the vkernel")
    .argument("<size>", "what to leave it with, e.g. 256M")
    .action(async (name: string, size: string) => {
      using client = await ControlClient.connect(name);
      const { targetBytes } = await client.request<{ targetBytes: number }>("balloon", { size });
      process.stdout.write(`${name} is to be left with ${mebibytes(targetBytes)} MiB\n`);
    });
}

export function vmspacesCommand(): Command {
  return new Command("vmspaces")
    .description("show a running guest's address spaces, and how much of its memory each has")
    .argument("<name>", "name of the vkernel")
    .option("--json", "print JSON instead of a table")
    .action(async (name: string, { json }: { json?: boolean }) => {
      using client = await ControlClient.connect(name);
      const found = await client.request<Vmspaces>("vmspaces");
      process.stdout.write(json === true ? `${JSON.stringify(found, undefined, 2)}\n` : vmspacesTable(found));
    });
}

export function stopCommand(): Command {
  return new Command("stop")
    .description("end a running guest, without asking it, as Ctrl-A x does")
    .argument("<name>", "name of the vkernel")
    .action(async (name: string) => {
      using client = await ControlClient.connect(name);
      await client.request("stop");
      await client.closed();
    });
}

interface Listed extends Partial<Omit<VKernelStatus, "name" | "pid">> {
  readonly name: string;
  readonly pid: number;
  readonly state: "running" | "not answering";
}

async function statusOf({ name, pid, path }: VKernelEntry): Promise<Listed> {
  try {
    using client = await ControlClient.connect(name, path);
    const status = await client.request<VKernelStatus>("status", {}, { timeoutMs: STATUS_MS });
    return { ...status, state: "running" };
  } catch {
    // It is starting, ending or stopped.
    return { name, pid, state: "not answering" };
  }
}

function psTable(vkernels: readonly Listed[]): string {
  const size = (bytes: number | null | undefined): string => (bytes == null ? "-" : `${mebibytes(bytes)}M`);
  return textTable({
    head: ["NAME", "PID", "MEMORY", "TARGET", "RESIDENT", "UPTIME", "STATE"],
    align: ["left", "right", "right", "right", "right", "right", "left"],
    rows: vkernels.map(({ name, pid, memoryBytes, targetBytes, residentBytes, uptimeSeconds, state }) => [
      name,
      String(pid),
      size(memoryBytes),
      size(targetBytes),
      size(residentBytes),
      uptimeSeconds === undefined ? "-" : duration(uptimeSeconds),
      state,
    ]),
  });
}
