// Runs a bare-metal ELF program under the real QEMU (package qemu-system-misc) and returns what it printed.

import { execa } from "execa";

const QEMU = "qemu-system-riscv64";

/** The vkrun hart as far as QEMU 7.2 can be it: no hypervisor extension, and the optional extensions on. */
const CPU = "rv64,h=false,v=false,zba=true,zbb=true,zbc=true,zbs=true,svinval=true,svnapot=true,svpbmt=true,sstc=true";

export interface QemuOptions {
  /** CPU properties after those of the vkrun hart, for instance `svnapot=false`. */
  readonly cpu?: string;
  readonly timeoutMs?: number;
  /** Further command line arguments, for instance `-m 256M`. */
  readonly args?: readonly string[];
}

/** The program's console output, up to its write to the test finisher. */
export async function runUnderQemu(elfPath: string, options: QemuOptions = {}): Promise<string> {
  const result = await execa(
    QEMU,
    [
      ...[
        "-M",
        "virt",
        "-cpu",
        options.cpu === undefined ? CPU : `${CPU},${options.cpu}`,
        "-m",
        "128M",
        "-bios",
        "none",
        "-kernel",
        elfPath,
      ],
      ...["-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot"],
      ...(options.args ?? []),
    ],
    { reject: false, stdin: "ignore", timeout: options.timeoutMs ?? 120_000, stripFinalNewline: false },
  );
  if (result.code === "ENOENT") throw new Error(`${QEMU} is missing: apt-get install qemu-system-misc`);
  if (result.timedOut)
    throw new Error(`the program did not finish under QEMU; it printed:\n${result.stdout.slice(-2000)}`);
  if (result.exitCode !== 0)
    throw new Error(`QEMU ended with status ${result.exitCode}: ${result.stderr}\n${result.stdout.slice(-2000)}`);
  return result.stdout;
}
