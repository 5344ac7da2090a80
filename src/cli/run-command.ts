/** `vkrun disk.img`: boots a guest on this terminal. */
import { setFlagsFromString } from "node:v8";
import { Command, Option } from "commander";
import {
  type BootOptions,
  type ConsoleKind,
  type DriveOptions,
  type HotPath,
  type JitMode,
  type NetworkOptions,
  type PortOptions,
  type ShareOptions,
  VKernel,
  type VsockOptions,
} from "../index.js";
import { defaultImage } from "./default-image.js";
import { parseDrive } from "./drive-option.js";
import { openLog } from "./log-sink.js";
import { chooseNetwork, collectPublish, parseNet } from "./net-option.js";
import { collectPort } from "./port-option.js";
import { runVKernel } from "./run-vkernel.js";
import { collectShare } from "./share-argument.js";
import { addTerminalOptions, type TerminalOptions } from "./terminal-options.js";
import { parseVsock } from "./vsock-argument.js";

interface RunOptions extends TerminalOptions {
  memory?: string;
  name?: string;
  drive?: DriveOptions[];
  share?: ShareOptions[];
  vsock?: VsockOptions;
  kernel?: string;
  initrd?: string;
  append?: string;
  dtb?: string;
  firmware?: string;
  elf?: string;
  snapshot?: boolean;
  console: ConsoleKind;
  jit: JitMode;
  jitStats?: boolean;
  perfMap?: boolean;
  symbols?: string;
  virtserialport?: PortOptions[];
  virtconsole?: PortOptions[];
  memoryTarget?: string;
  balloon: boolean;
  packedRings?: boolean;
  hotPath: HotPath;
  net?: NetworkOptions | false;
  publish?: string[];
}

const EXAMPLES = `
Examples:
  vkrun disk.img                                  boot a disk image on this terminal
  vkrun -m 2G --snapshot disk.img                 with more memory, leaving the image unchanged
  vkrun --kernel Image --append "root=/dev/vda1" disk.img
  vkrun --firmware fw_jump.elf --kernel u-boot.bin disk.img
  vkrun --publish 2222:22 disk.img                port 2222 of this host is the guest's port 22
  vkrun --elf prog.elf                            run a bare-metal program
  printf 'uname -a\\npoweroff\\n' | vkrun disk.img  type into the guest from a script
  vkrun image build debian                        make a Debian image

On a terminal, Ctrl-A x ends the guest and Ctrl-A h shows the other keys.`;

/** The command without a subcommand. */
export function runCommand(): Command {
  return addTerminalOptions(
    new Command("vkrun")
      .description("Runs a 64-bit RISC-V Linux guest, or a bare-metal program, as an ordinary process.")
      .usage("[options] [disk]\n       vkrun <command> [options]")
      .argument(
        "[disk]",
        "disk to boot from: a raw or qcow2 image, a block device, or a URL; without anything to boot: the tiny image",
      )
      .option("-m, --memory <size>", "guest memory, e.g. 512M or 2G (default: 512M)")
      .option("--name <name>", "name of the vkernel in messages and logs")
      .option("--drive <file|file=FILE,...>", "a further drive, with QEMU's options; may be given again", collectDrive)
      .option("--share <dir:tag[:ro][:uid=map]>", "a folder that the guest can mount; may be given again", collectShare)
      .option("--vsock <cid=N,uds=PATH>", "streams with programs in the guest, as UNIX sockets", parseVsock)
      .option("--kernel <file>", "kernel to boot instead of the disk's own (Image, gzip, zstd, EFI stub or ELF)")
      .option("--initrd <file>", "initial RAM disk for --kernel")
      .option("--append <text>", "kernel command line; added to the disk's own without --kernel")
      .option("--dtb <file>", "device tree instead of the generated one")
      .option("--firmware <file>", "firmware to start in M mode, e.g. OpenSBI or U-Boot")
      .option("--elf <file>", "bare-metal program to run in M mode")
      .option("--snapshot", "leave all drives unchanged: throw away what the guest writes")
      .addOption(
        new Option("--console <port>", "port that this terminal is connected to; the other one goes to the log")
          .choices(["serial", "virtio"])
          .default("serial"),
      )
      .addOption(
        new Option("--jit <mode>", "compile hot guest code, or interpret everything, or do both and compare")
          .choices(["on", "off", "verify"])
          .default("on"),
      )
      .option("--jit-stats", "print at the end what compiled code was worth, and where time went")
      .option("--perf-map", "have V8 write /tmp/perf-PID.map, for `perf report`")
      .option("--symbols <file>", "names for --jit-stats and --perf-map: a System.map or an ELF file")
      .option(
        "--virtserialport <type,path=file,name=name>",
        "a port of the guest: pty, tty, socket or file",
        collectPort(false),
      )
      .option(
        "--virtconsole <type,path=file[,name=name]>",
        "the same, as a terminal of the guest (hvc1 and on)",
        collectPort(true),
      )
      .option("--memory-target <size>", "memory that the guest's balloon leaves it with (default: all)")
      .option("--no-balloon", "no balloon: free memory of the guest stays with it")
      .option("--packed-rings", "offer packed virtqueues to the guest's drivers, besides split ones")
      .addOption(
        new Option("--hot-path <form>", "walk page tables and virtqueues in WebAssembly, or in its TypeScript twin")
          .choices(["wasm", "ts"])
          .default("wasm"),
      )
      .option("--net <type[:name][,option]...>", "network: user, tap:NAME, link:NAME or none (default: user)", parseNet)
      .option(
        "--publish <[address:]port:port[/udp]>",
        "lead a port of the host into the guest; may be given again",
        collectPublish,
      ),
  )
    .addHelpText("after", EXAMPLES)
    .action(async (disk: string | undefined, options: RunOptions) => {
      process.exitCode = await run(disk, options);
    });
}

async function run(disk: string | undefined, options: RunOptions): Promise<number> {
  const quiet = options.quiet === true;
  const log = await openLog({ log: options.log, name: options.name ?? "vkrun", quiet });
  // Before the guest's thread, and V8's part in it, exists.
  if (options.perfMap) setFlagsFromString("--perf-basic-prof");
  const boot: BootOptions = { ...(await bootOptions(disk, options)), log };
  return runVKernel({
    start: () => VKernel.boot(boot),
    name: options.replay === undefined ? options.name : undefined,
    log,
    quiet,
    bareMetal: options.elf !== undefined,
    ckptExit: options.ckptExit === true,
    ckptFile: options.ckptFile,
  });
}

async function bootOptions(disk: string | undefined, options: RunOptions): Promise<BootOptions> {
  const {
    drive: drives = [],
    share: shares = [],
    vsock,
    reboot,
    memory,
    name,
    kernel,
    initrd,
    append,
    dtb,
    firmware,
    elf,
    snapshot,
    record,
    replay,
    jitStats,
    perfMap,
    symbols,
    packedRings,
    hotPath,
    memoryTarget,
    balloon,
  } = options;
  const nothingToBoot = [disk, kernel, firmware, elf, drives[0]].every((source) => source === undefined);
  const source = nothingToBoot ? await defaultImage() : { disk, snapshot };
  const { columns, rows } = process.stdout;
  const system = elf === undefined && replay === undefined;
  const observed = { jitStats, perfMap, symbols };
  const given = {
    ...source,
    ...observed,
    packedRings,
    hotPath,
    memoryTarget,
    memory,
    name,
    kernel,
    initrd,
    append,
    dtb,
    firmware,
    elf,
    record,
    replay,
  };
  return {
    ...definedOnly(given),
    ...chooseNetwork(options, system),
    drives,
    shares,
    ports: [...(options.virtconsole ?? []), ...(options.virtserialport ?? [])],
    ...(vsock !== undefined && { vsock }),
    console: options.console,
    jit: options.jit,
    balloon,
    noReboot: !reboot,
    ...(process.stdout.isTTY && { consoleSize: { columns, rows } }),
  };
}

type Defined<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

function definedOnly<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;
}

function collectDrive(value: string, drives: DriveOptions[] = []): DriveOptions[] {
  return [...drives, parseDrive(value)];
}
