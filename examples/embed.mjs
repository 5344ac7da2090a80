// @ts-check
// Boots a disk, runs a command in the guest and prints what the guest answers.
//
//   node examples/embed.mjs disk.img "uname -a"

import { VKernel } from "vkrun";

const [disk, command = "uname -a"] = process.argv.slice(2);
if (disk === undefined) throw new Error("usage: embed.mjs DISK [COMMAND]");

const vkernel = await VKernel.boot({ disk, snapshot: true });
try {
  // Marks the end of the answer. The shell also echoes the line that was typed, so the mark is not written there whole.
  vkernel.console.write(`${command}; echo "END OF"_ANSWER; poweroff -f\n`);
  let output = "";
  for await (const chunk of vkernel.console.setEncoding("utf8")) {
    output += chunk;
    if (output.includes("END OF_ANSWER")) break;
  }
  const lines = output.split(/\r*\n/);
  const typed = lines.findLastIndex((line) => line.includes('echo "END OF"'));
  console.log(
    lines
      .slice(
        typed + 1,
        lines.findLastIndex((line) => line.includes("END OF_ANSWER")),
      )
      .join("\n"),
  );
} finally {
  await vkernel.stop();
}
