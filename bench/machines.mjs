// @ts-check
// The two machines under comparison, as command lines. Both get the same ELF or image and the same amount of RAM.

/** @typedef {"QEMU" | "vkrun"} MachineName */

/** @typedef {{ name: MachineName, command: string[] }} Machine */

/** @typedef {"on" | "off"} JitMode */

/** A drive that is written, an image for each machine. @typedef {{ format: string, files: Record<MachineName, string> }} OwnDrive */

/**
 * @typedef {object} LinuxOptions
 * @property {string} [memory]
 * @property {string[]} [drives]
 * @property {OwnDrive[]} [ownDrives]
 * @property {Record<MachineName, string[]>} [devices]  options for other devices; without them there is no network
 * @property {(command: string[]) => string[]} [wrap]  makes the command into one that runs it elsewhere
 */

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
 * A Linux disk; QEMU gets the kernel and initrd that vkrun finds on it, so that neither runs a boot loader. Further
 * drives are `vdb` and so on. Nothing that the guest writes is kept, but on `ownDrives`, which come last.
 * @param {import("./images.mjs").Image} image
 * @param {JitMode} jit
 * @param {LinuxOptions} [options]
 * @returns {Machine[]}
 */
export function linux({ disk, kernel, initrd, append }, jit, options = {}) {
  const { memory = "512M", drives = [], ownDrives = [], devices, wrap = (command) => command } = options;
  const qemuDrives = [
    ...[disk, ...drives].map((file) => `file=${file},format=raw,snapshot=on`),
    ...ownDrives.map(({ format, files }) => `file=${files.QEMU},format=${format}`),
  ].flatMap((drive, slot) => [
    ...["-drive", `${drive},if=none,id=drive${slot}`],
    ...["-device", `virtio-blk-device,drive=drive${slot}`],
  ]);
  const vkrunDrives = [
    ...drives,
    ...ownDrives.map(({ format, files }) => `file=${files.vkrun},format=${format},snapshot=off`),
  ].flatMap((drive) => ["--drive", drive]);
  const { QEMU: qemuDevices, vkrun: vkrunDevices } = devices ?? { QEMU: [], vkrun: ["--net", "none"] };
  const qemuBoot = ["-m", memory, "-kernel", kernel, "-initrd", initrd, "-append", append];
  return [
    { name: "QEMU", command: wrap([...QEMU, ...qemuBoot, ...qemuDrives, ...qemuDevices]) },
    {
      name: "vkrun",
      command: wrap([...VKRUN, "--jit", jit, ...vkrunDevices, "--snapshot", "-m", memory, ...vkrunDrives, disk]),
    },
  ];
}
