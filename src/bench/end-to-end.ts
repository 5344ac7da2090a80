/** A whole machine with either form in its loop: how long Linux boots, and what its disk and its network move. */
import { createServer } from "node:http";
import { type AddressInfo, createServer as createSink, type Server } from "node:net";
import { VkrunError } from "../errors.js";
import type { Effort } from "./effort.js";
import { FORMS, type Form } from "./forms.js";
import { GuestShell } from "./guest-shell.js";
import type { Watching } from "./hot-paths.js";
import type { EndToEndResult } from "./results.js";
import { summarize } from "./statistics.js";

export interface Machines {
  /** vkrun as a command, up to its arguments. */
  readonly vkrun: readonly string[];
  /** The disk of `tiny`. */
  readonly disk: string;
  /** Whether there is a network that a guest reaches this host by. */
  readonly network: boolean;
}

const MIB = 2 ** 20;
const DISK_MIB = 64;
const SMALL_READS = 2000;
const NETWORK_MIB = 64;
/** As the guest's shell finds it. passt has the gateway's address stand for the host. */
const GATEWAY = "$(ip route | sed -n 's/^default via \\([0-9.]*\\).*/\\1/p')";

type Samples = Record<Form, number[]>;

/** By turns, like everything else. */
export async function measureEndToEnd(
  effort: Effort,
  machines: Machines,
  watching: Watching,
): Promise<EndToEndResult[]> {
  const { signal, onProgress } = watching;
  const boots: Samples = { wasm: [], ts: [] };
  for (let run = 0; run < effort.boots; run++) {
    for (const form of FORMS) {
      if (signal.aborted) break;
      onProgress({ part: "boots", done: boots.wasm.length + boots.ts.length, total: 2 * effort.boots, what: form });
      await using guest = new GuestShell(command(machines, form, "none"));
      const seconds = await unlessAborted(guest.prompt(signal), signal);
      if (seconds !== undefined) boots[form].push(seconds);
    }
  }
  const results = [result("boot of tiny, to its prompt", "s", boots)];
  if (effort.throughput && !signal.aborted) {
    await unlessAborted(measureThroughput(effort, machines, watching, results), signal);
  }
  return results.filter(({ forms }) => FORMS.every((form) => forms[form].samples > 0));
}

/** Adds to `results` as it goes. */
async function measureThroughput(
  effort: Effort,
  machines: Machines,
  { signal, onProgress }: Watching,
  results: EndToEndResult[],
): Promise<void> {
  const network = machines.network ? "user" : "none";
  await using wasm = new GuestShell(command(machines, "wasm", network));
  await using ts = new GuestShell(command(machines, "ts", network));
  const guests = { wasm, ts };
  for (const form of FORMS) await guests[form].prompt(signal);
  const timed = async (what: string, line: string): Promise<Samples> => {
    const samples: Samples = { wasm: [], ts: [] };
    for (let run = 0; run < effort.boots; run++) {
      onProgress({ part: what, done: run, total: effort.boots, what: "" });
      for (const form of FORMS) samples[form].push((await guests[form].run(line, signal)).seconds);
    }
    return samples;
  };
  const rates = (samples: Samples, amount: number): Samples => ({
    wasm: samples.wasm.map((seconds) => amount / seconds),
    ts: samples.ts.map((seconds) => amount / seconds),
  });
  const forget = "sync; echo 3 > /proc/sys/vm/drop_caches";
  const large = await timed("disk", `${forget}; dd if=/dev/vda of=/dev/null bs=1M count=${DISK_MIB} 2>/dev/null`);
  results.push(result("disk: read in order", "MiB/s", rates(large, DISK_MIB)));
  const write = `dd if=/dev/zero of=/root/written bs=1M count=${DISK_MIB} conv=fsync 2>/dev/null`;
  results.push(result("disk: write in order", "MiB/s", rates(await timed("disk, writes", write), DISK_MIB)));
  const small = await timed(
    "disk, small reads",
    `dd if=/dev/vda of=/dev/null bs=4k count=${SMALL_READS} iflag=direct 2>/dev/null`,
  );
  results.push(result("disk: direct reads of 4 KiB", "reads/s", rates(small, SMALL_READS)));
  if (!machines.network) return;

  const web = createServer((_, response) => {
    const chunk = Buffer.alloc(MIB);
    response.writeHead(200, { "content-length": NETWORK_MIB * MIB });
    for (let sent = 0; sent < NETWORK_MIB; sent++) response.write(chunk);
    response.end();
  });
  // Ends its side of a connection when the other one does.
  const sink = createSink((socket) => void socket.resume());
  try {
    const [webPort, sinkPort] = [await listen(web), await listen(sink)];
    const received = await timed("network, receiving", `wget -q -O /dev/null http://${GATEWAY}:${webPort}/`);
    results.push(result("network: receive over TCP", "MiB/s", rates(received, NETWORK_MIB)));
    const zeroes = `dd if=/dev/zero bs=64k count=${NETWORK_MIB * 16} 2>/dev/null`;
    const sent = await timed("network, sending", `${zeroes} | nc ${GATEWAY} ${sinkPort}`);
    results.push(result("network: send over TCP", "MiB/s", rates(sent, NETWORK_MIB)));
  } finally {
    web.closeAllConnections();
    web.close();
    sink.close();
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

function command({ vkrun, disk }: Machines, form: Form, network: string): string[] {
  return [...vkrun, "--quiet", "--snapshot", "-m", "256M", "--net", network, "--hot-path", form, disk];
}

function result(name: string, unit: string, { wasm, ts }: Samples): EndToEndResult {
  return { name, unit, forms: { wasm: summarize(wasm), ts: summarize(ts) } };
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (signal.aborted && !(error instanceof VkrunError)) return undefined;
    throw error;
  }
}
