/** `vkrun image`: lists, builds and pins guest images. */
import { resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import {
  type BuildImageOptions,
  buildImage,
  findBuiltImage,
  lockImage,
  readRecipe,
  recipeNames,
} from "../images/index.js";
import { SIGNAL_BASE } from "./exit-status.js";
import { bootImageOnce } from "./image-boot.js";
import { ImageProgressBar } from "./image-progress-bar.js";

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

export function imageCommand(): Command {
  const image = new Command("image").description("Guest images, made from Debian packages; no root needed.");
  image
    .command("list")
    .description("show the images that can be built, and where those are that have been")
    .action(list);
  image
    .command("build")
    .description("build an image, unless the cache has it; prints where it is")
    .argument("<name>", "one of those that `vkrun image list` shows")
    .option("--mirror <url>", "Debian mirror (default: $VKRUN_MIRROR, else the one that this host's apt uses)")
    .option("-o, --output <file>", "put a copy of the disk there, to keep what a guest writes to it")
    .option("--size <size>", "size of the disk, such as 512M or 8G; it takes no more room than its files", parseSize)
    .option("-q, --quiet", "show no progress")
    .action(build);
  image
    .command("lock")
    .description("pin an image's packages to what the archive has today (writes guest/NAME.lock.json)")
    .argument("<name>", "one of those that `vkrun image list` shows")
    .option("--mirror <url>", "Debian mirror (default: $VKRUN_MIRROR, else the one that this host's apt uses)")
    .action(lock);
  image.addHelpText(
    "after",
    `
Examples:
  vkrun image build tiny
  vkrun image build debian --output debian.img --size 8G
  vkrun "$(vkrun image build debian)" --snapshot`,
  );
  return image;
}

async function list(): Promise<void> {
  for (const name of await recipeNames()) {
    const { summary } = await readRecipe(name);
    const built = await findBuiltImage(name);
    process.stdout.write(
      `${name.padEnd(8)} ${summary}\n${built === undefined ? "" : `${" ".repeat(9)}${built.path}\n`}`,
    );
  }
}

interface BuildFlags {
  mirror?: string;
  output?: string;
  size?: number;
  quiet?: boolean;
}

async function build(name: string, { mirror, output, size, quiet }: BuildFlags): Promise<void> {
  await untilInterrupted(async (signal) => {
    using progress = quiet === true ? undefined : new ImageProgressBar(name, process.stderr);
    const options: BuildImageOptions = {
      mirror,
      output: output === undefined ? undefined : resolve(output),
      sizeMiB: size,
      boot: bootImageOnce,
      signal,
      onProgress: (event) => progress?.show(event),
    };
    const image = await buildImage(name, options);
    progress?.[Symbol.dispose]();
    process.stdout.write(`${image.path}\n`);
  });
}

async function lock(name: string, { mirror }: { mirror?: string }): Promise<void> {
  await untilInterrupted(async (signal) => {
    const { path, lock } = await lockImage(name, { mirror, signal });
    if (!lock.index.signed) {
      process.stderr.write(
        "vkrun: warning: the mirror's package index is not the one that its signed Release file names.\n" +
          "  This passes when the mirror has finished an update; look at the lock file before you trust it.\n",
      );
    }
    process.stdout.write(`${path}: ${lock.packages.length} packages\n`);
  });
}

/** Runs `task`; a signal aborts it, so that it can clear away what it has not finished. */
async function untilInterrupted(task: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  let status = 0;
  const handlers = Object.entries(SIGNALS).map(([signal, number]) => {
    const handler = (): void => {
      status = SIGNAL_BASE + number;
      controller.abort();
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  try {
    await task(controller.signal);
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    process.stderr.write("vkrun: interrupted; what was not finished has been removed.\n");
    process.exitCode = status;
  } finally {
    for (const remove of handlers) remove();
  }
}

const UNIT_MIB = { M: 1, G: 1024, T: 1024 * 1024 } as const;

/** In MiB. */
function parseSize(text: string): number {
  const [, digits, unit] = /^(\d+)([MGT])i?B?$/i.exec(text) ?? [];
  if (digits === undefined || unit === undefined) {
    throw new InvalidArgumentError("A size is a whole number with M, G or T behind it, such as 512M.");
  }
  return Number(digits) * UNIT_MIB[unit.toUpperCase() as keyof typeof UNIT_MIB];
}
