// Run by determinism.guest.test.ts in a network namespace: boots a guest with the options that are the first argument, as JSON,
// types the second one at its prompt, stops it at "<done>", and prints how it ended and what it printed, as one line of JSON.
import { VKernel } from "vkrun";

const [options = "", line = ""] = process.argv.slice(2);
const vkernel = await VKernel.boot(JSON.parse(options));
let output = "";
let changed = () => {};
vkernel.console.setEncoding("utf8").on("data", (text) => {
  output += text;
  changed();
});

/** @param {string} text */
async function shown(text) {
  while (!output.includes(text)) {
    await new Promise((/** @type {(value?: unknown) => void} */ resolve) => {
      changed = resolve;
    });
  }
}

await shown("vkrun:~# ");
vkernel.console.write(`${line}\n`);
await shown("<done>");
const { instructions, memoryHash } = await vkernel.stop();
console.log(JSON.stringify({ instructions: String(instructions), memoryHash, output }));
