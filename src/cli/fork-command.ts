/** `vkrun fork NAME`: a running guest becomes several, in the background. */
import { fork as startProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { ForkImage } from "../api/fork-image.js";
import { type CheckpointResult, type NetworkOptions, VkrunError } from "../index.js";
import { ControlClient } from "./control-client.js";
import { firstFreeNumber } from "./control-folder.js";
import { decodeControlError } from "./control-protocol.js";
import type { ForkReply, ForkRequest } from "./fork-messages.js";
import { parseNet } from "./net-option.js";

interface ForkCommandOptions {
  number: number;
  net?: NetworkOptions | false;
  snapshot?: boolean;
  log?: string;
  quiet?: boolean;
}

export function forkCommand(): Command {
  return new Command("fork")
    .description("have further guests begin where a running one is now, in the background")
    .argument("<name>", "name of the vkernel")
    .option("-n, --number <count>", "how many", parseCount, 1)
    .option(
      "--net <type[:name][,option]...>",
      "where their network cables end: user, tap:NAME or link:NAME, with {n} for a child's number",
      parseNet,
    )
    .option("--snapshot", "throw away what they write to disks")
    .option("--log <file>", "log to a file")
    .option("-q, --quiet", "print nothing but errors")
    .action(fork);
}

const HOST = fileURLToPath(new URL("./fork-host.js", import.meta.url));

async function fork(name: string, options: ForkCommandOptions): Promise<void> {
  const { number: count, net, snapshot = false, log, quiet = false } = options;
  if (net === false) {
    throw new VkrunError("ERR_VKRUN_USAGE", "a guest that has a network device keeps it", {
      hint: "Say where its cable ends: user, tap:NAME or link:NAME.",
    });
  }
  using client = await ControlClient.connect(name);
  await using image = await ForkImage.create();
  const { path } = image;
  const { pauseMs } = await client.request<CheckpointResult>("checkpoint", { path, temporary: true });
  const names = await startChildren({
    ...{ path, name, count, snapshot, first: await firstFreeNumber(name, count) },
    ...(net !== undefined && { network: net }),
    ...(log !== undefined && { log }),
  });
  if (quiet) return;
  process.stdout.write(names.map((child) => `${child}\n`).join(""));
  process.stderr.write(`vkrun: ${name} stood still for ${pauseMs.toFixed(1)} ms; \`vkrun console ${names[0]}\`\n`);
}

/** Starts the process that the children are in, which goes on by itself; answers their names. */
async function startChildren(request: ForkRequest): Promise<readonly string[]> {
  const host = startProcess(HOST, [], { detached: true, stdio: ["ignore", "ignore", "ignore", "ipc"] });
  const replied = once(host, "message") as Promise<[ForkReply]>;
  const died = once(host, "exit").then(([status, signal]) => {
    throw new VkrunError("ERR_VKRUN_INTERNAL", `the process of the children ended (${signal ?? `status ${status}`})`);
  });
  host.send(request);
  const [reply] = await Promise.race([replied, died]);
  died.catch(() => undefined);
  if ("error" in reply) throw decodeControlError(reply.error);
  host.disconnect();
  host.unref();
  return reply.names;
}

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new InvalidArgumentError("It is not a number of guests.");
}
