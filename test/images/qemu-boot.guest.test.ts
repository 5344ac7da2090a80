import { spawn } from "node:child_process";
import { describe, expect, it } from "vitest";
import { buildImage } from "../../src/images/index.js";

/** Of the Debian package u-boot-qemu. */
const U_BOOT = "/usr/lib/u-boot/qemu-riscv64_smode/uboot.elf";

/** Runs a guest under QEMU, types each line when its words have been printed, and resolves with all it printed. */
async function underQemu(args: readonly string[], dialogue: readonly (readonly [words: string, line: string])[]) {
  const qemu = spawn("qemu-system-riscv64", ["-M", "virt", "-m", "512M", "-nographic", "-no-reboot", ...args]);
  let output = "";
  let seen = 0;
  let step = 0;
  qemu.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    for (let next = dialogue[step]; next !== undefined; next = dialogue[step]) {
      const at = output.indexOf(next[0], seen);
      if (at < 0) return;
      seen = at + next[0].length;
      step++;
      qemu.stdin.write(`${next[1]}\n`);
    }
  });
  try {
    const status = await new Promise((resolve, reject) => qemu.on("exit", resolve).on("error", reject));
    return { output, status };
  } finally {
    qemu.kill("SIGKILL");
  }
}

describe("the image tiny under QEMU", () => {
  const dialogue = [
    ["vkrun:~# ", "uname -m; grep -c vda1 /proc/mounts"],
    ["vkrun:~# ", "poweroff"],
  ] as const;

  async function disk(): Promise<string[]> {
    const { path } = await buildImage("tiny");
    // snapshot=on: the cached image stays as it is.
    return ["-drive", `file=${path},if=none,id=root,format=raw,snapshot=on`, "-device", "virtio-blk-device,drive=root"];
  }

  it("is found by U-Boot, boots to a shell and powers off", async () => {
    const { output, status } = await underQemu(["-kernel", U_BOOT, ...(await disk())], dialogue);
    expect(output).toContain("Found /boot/extlinux/extlinux.conf");
    expect(output).toMatch(/riscv64\r?\n1\r?\n/);
    expect(output).toContain("Power down");
    expect(status).toBe(0);
  });

  it("boots from the kernel and initramfs that lie beside it, without firmware reading the disk", async () => {
    const { kernelPath, initrdPath, append } = await buildImage("tiny");
    const direct = ["-kernel", kernelPath, "-initrd", initrdPath, "-append", append];
    const { output, status } = await underQemu([...direct, ...(await disk())], dialogue);
    expect(output).toMatch(/riscv64\r?\n1\r?\n/);
    expect(status).toBe(0);
  });
});
