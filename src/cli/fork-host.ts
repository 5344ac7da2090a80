/** The process that the children of one `vkrun fork` are in: it has no terminal, and ends with the last of them. */
import { once } from "node:events";
import { type NetworkOptions, VKernel } from "../index.js";
import { lowerCompilerThreads } from "./compiler-threads.js";
import { Control } from "./control.js";
import { encodeControlError } from "./control-protocol.js";
import { DetachedConsole } from "./detached-console.js";
import { ExitStatus } from "./exit-status.js";
import { type ForkReply, type ForkRequest, NUMBER_MARK } from "./fork-messages.js";
import { type LogSink, openLog } from "./log-sink.js";

lowerCompilerThreads();
// There is no terminal to hang up, and nobody to ask where a checkpoint should go.
for (const signal of ["SIGHUP", "SIGUSR2"] as const) process.on(signal, () => undefined);

// Nobody waits for children any more that nobody has been told of.
let told = false;
process.once("disconnect", () => told || process.exit(ExitStatus.FAILED));

const [request] = (await once(process, "message")) as [ForkRequest];
let ended: Promise<unknown> = Promise.resolve();
try {
  const { names, children } = await start(request);
  ended = children;
  await reply({ names });
} catch (error) {
  await reply({ error: encodeControlError(error) });
}
told = true;
if (process.connected) process.disconnect();
await ended;
process.exit();

async function start(request: ForkRequest): Promise<{ names: readonly string[]; children: Promise<unknown> }> {
  const { path, name, first, count, network, snapshot, log: file } = request;
  const log = await openLog({ log: file, name, quiet: true });
  const controls: Control[] = [];
  try {
    for (let number = first; number < first + count; number++)
      controls.push(await Control.open(`${name}-${number}`, log));
    const vkernels = await VKernel.forkFrom(path, count, {
      ...{ name, first, snapshot, log },
      ...(network && { network: ({ number }) => numbered(network, number) }),
    });
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        for (const vkernel of vkernels) void vkernel.stop().catch(() => undefined);
      });
    }
    const children: Promise<void>[] = [];
    for (const [index, vkernel] of vkernels.entries()) {
      const control = controls[index] as Control;
      const stop = (): void => void vkernel.stop().catch(() => undefined);
      await control.listen({ vkernel, stop, console: new DetachedConsole(vkernel.console) });
      children.push(keep(vkernel, control, log));
    }
    return { names: vkernels.map((vkernel) => vkernel.name), children: Promise.all(children) };
  } catch (error) {
    for (const control of controls) await control[Symbol.asyncDispose]();
    throw error;
  }
}

/** Until its end. That of one child is nothing to the others, whatever it was. */
async function keep(vkernel: VKernel, control: Control, log: LogSink): Promise<void> {
  await using _ = control;
  try {
    const { reason } = await vkernel.wait();
    log({ level: "info", message: `${vkernel.name} has ended: ${reason}`, fields: {} });
  } catch (error) {
    log({ level: "error", message: `${vkernel.name} has failed: ${String(error)}`, fields: {} });
  }
}

function numbered(network: NetworkOptions, number: number): NetworkOptions {
  const put = (text: string): string => text.replaceAll(NUMBER_MARK, String(number));
  return {
    ...network,
    ...("name" in network && { name: put(network.name) }),
    ...(network.pcap !== undefined && { pcap: put(network.pcap) }),
  };
}

async function reply(message: ForkReply): Promise<void> {
  // Who asked may have gone meanwhile.
  if (process.connected) await new Promise<void>((sent) => process.send?.(message, () => sent()));
}
