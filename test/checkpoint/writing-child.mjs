// Writes a checkpoint over the one that is there, again and again, until it is killed.
import { randomBytes } from "node:crypto";
import { CheckpointWriter } from "../../dist/checkpoint/writer.js";

const [path] = process.argv.slice(2);
const pages = 2048;
const ram = new Uint8Array(pages * 4096);
const wanted = new Uint8Array(pages / 8).fill(0xff);
const contents = { name: "child", created: "", vkrun: "", devices: {}, disks: [], vmspaces: {} };

for (let round = 1; ; round++) {
  ram.fill(round % 256);
  const writer = await CheckpointWriter.create({ path, ramBytes: ram.length, id: randomBytes(16) });
  for (let first = 0; first < pages; first += 512) {
    await writer.writePages({ ram, first, pages: 512, wanted: wanted.subarray(0, 64) });
  }
  await writer.addRegion("disk", [ram.subarray(0, 100_000)]);
  await writer.finish({ ...contents, config: round });
  await writer[Symbol.asyncDispose]();
  process.stdout.write(`${round}\n`);
}
