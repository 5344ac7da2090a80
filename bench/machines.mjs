// @ts-check
// The two machines under comparison, as command lines. Both get the same ELF or image and the same amount of RAM.

/** @typedef {{ name: string, command: string[] }} Machine */

/** @typedef {"on" | "off"} JitMode */

const VKRUN = [process.execPath, "dist/cli/main.js", "--quiet"];
const QEMU = ["qemu-system-riscv64", "-M", "virt", "-display", "none", "-monitor", "none", "-serial", "stdio"];

/**
 * A bare-metal ELF in M mode.
 * @param {string} elf
 * @param {JitMode} jit
 * @returns {Machine[]}
 */
export function bareMetal(elf, jit) {
  return [
    { name: "QEMU", command: [...QEMU, "-m", "256M", "-bios", "none", "-kernel", elf] },
    { name: "vkrun", command: [...VKRUN, "--jit", jit, "-m", "256M", "--elf", elf] },
  ];
}

/**
 * A Linux disk; QEMU gets the kernel and initrd that vkrun finds on it, so that neither runs a boot loader.
 * @param {{ disk: string, kernel: string, initrd: string, append: string }} image
 * @param {JitMode} jit
 * @returns {Machine[]}
 */
export function linux({ disk, kernel, initrd, append }, jit) {
  const drive = [
    "-drive",
    `file=${disk},format=raw,if=none,id=vda,snapshot=on`,
    "-device",
    "virtio-blk-device,drive=vda",
  ];
  return [
    {
      name: "QEMU",
      command: [...QEMU, "-m", "512M", "-kernel", kernel, "-initrd", initrd, "-append", append, ...drive],
    },
    { name: "vkrun", command: [...VKRUN, "--jit", jit, "--snapshot", "-m", "512M", disk] },
  ];
}
