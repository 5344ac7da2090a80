/** The machine that runs an image's maintainer scripts while it is built: vkrun itself. */
import { basename } from "node:path";
import type { BootRequest } from "../images/index.js";
import { VKernel, VkrunError } from "../index.js";

/** Resolves when the guest has powered itself off; whatever else ends it is a failure. */
export async function bootImageOnce(request: BootRequest): Promise<void> {
  await using vkernel = await VKernel.boot({
    name: basename(request.disk),
    disk: request.disk,
    kernel: request.kernelPath,
    initrd: request.initrdPath,
    append: request.append,
    memory: request.memoryMiB * 2 ** 20,
    noReboot: true,
  });
  const stop = (): void => void vkernel.stop().catch(() => undefined);
  request.signal?.addEventListener("abort", stop, { once: true });
  try {
    const [exit] = await Promise.all([vkernel.wait(), readConsole(vkernel, request.onConsole)]);
    request.signal?.throwIfAborted();
    if (exit.reason !== "poweroff") {
      throw new VkrunError("ERR_VKRUN_IMAGE_BUILD_FAILED", `the image's first boot ended with: ${exit.reason}`);
    }
  } finally {
    request.signal?.removeEventListener("abort", stop);
  }
}

async function readConsole(vkernel: VKernel, onConsole: (text: string) => void): Promise<void> {
  vkernel.console.setEncoding("utf8");
  for await (const text of vkernel.console) onConsole(text as string);
}
