// @ts-check
// Boots a disk with a second one beside it, /dev/vdb, that is an array of this program. Runs a command in the guest and prints
// what the guest answers.
//
//   node examples/own-disk.mjs disk.img "head -c 21 /dev/vdb"

import { VKernel } from "vkrun";

const [disk, command = "head -c 21 /dev/vdb"] = process.argv.slice(2);
if (disk === undefined) throw new Error("usage: own-disk.mjs DISK [COMMAND]");

const content = new Uint8Array(1 << 20);
content.set(new TextEncoder().encode("a disk of the program\n"));

/** @type {import("vkrun").DriveBackend} */
const backend = {
  size: content.length,
  read: (offset, length) => content.subarray(offset, offset + length),
  write: (offset, bytes) => content.set(bytes, offset),
  discard: (offset, length) => void content.fill(0, offset, offset + length),
};

const drives = [{ path: disk, snapshot: true }, { backend }];
const vkernel = await VKernel.boot({ drives });
try {
  // Marks the beginning and the end of the answer. The shell also echoes the line that was typed, so the marks are not written there whole.
  vkernel.console.write(`echo "THE"_ANSWER; ${command}; echo; echo "END OF"_ANSWER; poweroff -f\n`);
  let output = "";
  for await (const chunk of vkernel.console.setEncoding("utf8")) {
    output += chunk;
    if (output.includes("END OF_ANSWER")) break;
  }
  console.log(/THE_ANSWER\s+([\s\S]*?)\s+END OF_ANSWER/.exec(output)?.[1]);
} finally {
  await vkernel.stop();
}
