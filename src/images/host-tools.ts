/** The few programs of the host that building an image needs, and one way to run them. */
import { Readable } from "node:stream";
import { type ExecaError, execa } from "execa";
import { VkrunError } from "../errors.js";
import { isNoSpace, noSpace } from "./disk-space.js";

/** Program to the Debian package that has it. */
const PACKAGE_OF = {
  debugfs: "e2fsprogs",
  e2fsck: "e2fsprogs",
  mke2fs: "e2fsprogs",
  sfdisk: "fdisk",
  xz: "xz-utils",
} as const;

export type HostTool = keyof typeof PACKAGE_OF;

/** Debian keeps file system tools in `sbin`, which the PATH of an unprivileged user leaves out. */
const PATH = `${process.env["PATH"] ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`;

export interface ToolOptions {
  input?: string;
  signal?: AbortSignal | undefined;
  /** Added to the environment. */
  env?: Record<string, string>;
  /** Exit statuses that mean success; default 0 only. */
  okStatus?: readonly number[];
}

export interface ToolOutput {
  stdout: string;
  stderr: string;
}

/** Runs `tool` to its end. Missing, failing and out-of-space each throw an error of their own. */
export async function runTool(tool: HostTool, args: readonly string[], options: ToolOptions = {}): Promise<ToolOutput> {
  const result = await execa(tool, args, {
    env: { PATH, LC_ALL: "C", ...options.env },
    reject: false,
    input: options.input ?? "",
    ...(options.signal && { cancelSignal: options.signal }),
  });
  options.signal?.throwIfAborted();
  const ok = result.exitCode !== undefined && (options.okStatus ?? [0]).includes(result.exitCode);
  if (!ok) throw toolError(tool, result as ExecaError);
  return { stdout: result.stdout, stderr: result.stderr };
}

/** What `xz --decompress` makes of `input`. Damaged or shortened input ends the stream with an error. */
export function xzDecompress(input: Readable, signal?: AbortSignal): Readable {
  return Readable.from(xzChunks(input, signal));
}

async function* xzChunks(input: Readable, signal?: AbortSignal): AsyncGenerator<Buffer> {
  const subprocess = execa("xz", ["--decompress", "--stdout"], {
    env: { PATH, LC_ALL: "C" },
    input,
    encoding: "buffer",
    buffer: { stdout: false, stderr: true },
    reject: false,
    ...(signal && { cancelSignal: signal }),
  });
  try {
    for await (const chunk of subprocess.stdout) yield chunk as Buffer;
    // All output has come; only now is it known whether it was all there is.
    const result = await subprocess;
    signal?.throwIfAborted();
    if (result.failed) throw toolError("xz", result as unknown as ExecaError);
  } finally {
    subprocess.kill();
    input.destroy();
  }
}

/** Throws `ERR_VKRUN_TOOL_MISSING` for the first of `tools` that the host has not, before any work is done. */
export async function requireTools(tools: readonly HostTool[], path = PATH): Promise<void> {
  for (const tool of tools) {
    const probe = await execa(tool, ["-V"], { env: { PATH: path }, reject: false, stdin: "ignore", timeout: 10_000 });
    if (probe.code === "ENOENT") throw toolMissing(tool);
  }
}

function toolMissing(tool: HostTool): VkrunError {
  return new VkrunError(
    "ERR_VKRUN_TOOL_MISSING",
    `the program "${tool}" is needed to build an image, and is not here`,
    {
      hint: `It is in the Debian package ${PACKAGE_OF[tool]}: apt-get install ${PACKAGE_OF[tool]}`,
    },
  );
}

function toolError(tool: HostTool, error: ExecaError): VkrunError {
  if (error.code === "ENOENT") return toolMissing(tool);
  const stderr = Buffer.from((error.stderr as string | Uint8Array | undefined) ?? "")
    .toString()
    .trim();
  if (isNoSpace(error) || /No space left on device|File too large/i.test(stderr)) return noSpace(error);
  const status = error.exitCode ?? error.signal ?? error.code ?? "unknown";
  return new VkrunError(
    "ERR_VKRUN_IMAGE_BUILD_FAILED",
    `${tool} failed (${status})${stderr === "" ? "" : `: ${stderr.split("\n").at(-1)}`}`,
    { cause: error },
  );
}
