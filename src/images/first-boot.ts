/**
 * Runs an image's maintainer scripts where they belong: in the image, booted once with `guest/first-boot/` laid
 * over it. Who boots it is the caller's choice; the guest says on its console how far it is and how it ended.
 */
import { VkrunError } from "../errors.js";
import type { ProgressListener } from "./image-progress.js";

export interface BootRequest {
  readonly disk: string;
  readonly kernelPath: string;
  readonly initrdPath: string;
  readonly append: string;
  readonly memoryMiB: number;
  /** Gets all that the guest writes to its console. */
  readonly onConsole: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Boots a machine and resolves when its guest has powered it off; rejects when it ends otherwise. */
export type BootFunction = (request: BootRequest) => Promise<void>;

export interface FirstBootOptions {
  readonly boot: BootFunction;
  readonly disk: string;
  readonly kernelPath: string;
  readonly initrdPath: string;
  readonly append: string;
  /** How many packages there are to configure. */
  readonly packages: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ProgressListener | undefined;
}

/** The script in guest/first-boot/. */
const INIT = "/vkrun-first-boot";
/** Its last line when every package is configured. */
const SUCCESS = "vkrun-first-boot: done";
const MEMORY_MIB = 1024;
/** The end of the console's output that an error shows. */
const SHOWN_LINES = 12;
/** A guest may write without end; only this much of it is kept. */
const KEPT_LINES = 200;

export async function runFirstBoot(options: FirstBootOptions): Promise<void> {
  const lines: string[] = [];
  let partial = "";
  let succeeded = false;
  let done = 0;
  const onLine = (line: string): void => {
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
    if (line === SUCCESS) succeeded = true;
    const name = /^Setting up (\S+) \(/.exec(line)?.[1];
    if (name === undefined) return;
    options.onProgress?.({ stage: "configure", name, done, total: options.packages });
    done++;
  };
  await options.boot({
    disk: options.disk,
    kernelPath: options.kernelPath,
    initrdPath: options.initrdPath,
    append: `${options.append} init=${INIT}`,
    memoryMiB: MEMORY_MIB,
    signal: options.signal,
    onConsole: (text) => {
      const parts = (partial + text).split(/\r*\n/);
      // A line without end would grow without bound.
      partial = (parts.pop() ?? "").slice(-4096);
      for (const part of parts) onLine(part);
    },
  });
  options.signal?.throwIfAborted();
  if (!succeeded) {
    throw new VkrunError(
      "ERR_VKRUN_IMAGE_BUILD_FAILED",
      `the image's packages could not be configured; its console ended with:\n${lines.slice(-SHOWN_LINES).join("\n")}`,
    );
  }
}
