// @ts-check
// What compiling costs a boot: one more of it, which counts where the time goes, and is not among those that are timed.
import { VKernel } from "../dist/index.js";

const MEBIBYTE = 2 ** 20;

/**
 * Boots until `ready` and answers what the vkernel's statistics say by then.
 * @param {import("./images.mjs").Image} image
 * @param {(output: string) => boolean} ready
 * @param {number} memoryMiB
 */
export async function measureCompiling({ disk }, ready, memoryMiB) {
  const vkernel = await VKernel.boot({ disk, snapshot: true, memory: memoryMiB * MEBIBYTE, jitStats: true });
  /** @type {import("../dist/index.js").JitStats | undefined} */
  let stats;
  vkernel.on("jit-stats", (last) => {
    stats = last;
  });
  let output = "";
  vkernel.console.setEncoding("utf8").on("data", (text) => {
    output += text;
    if (ready(output)) void vkernel.stop();
  });
  await vkernel.wait();
  if (stats === undefined) throw new Error("the vkernel told no statistics");
  const { regions, drops, times } = stats;
  return { percentOfRun: (100 * times.compilerMs) / times.runMs, regions, drops, times };
}
