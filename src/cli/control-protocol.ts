/**
 * What is said on a vkernel's control socket: lines of JSON. The client sends a request, the server answers it with any
 * number of lines that tell of progress and one with the result or the error; then the client may ask again.
 *
 *     -> {"command":"balloon","size":"256M"}
 *     <- {"result":{"targetBytes":268435456}}
 *     -> {"command":"balloon","size":"everything"}
 *     <- {"error":{"code":"ERR_VKRUN_MEMORY_SIZE","message":"...","hint":"..."}}
 */
import { VkrunError, type VkrunErrorCode } from "../errors.js";

/** Longest line: of a request a name and a path or two, of an answer a table of address spaces. */
export const REQUEST_MAX = 64 * 1024;
export const ANSWER_MAX = 16 * 2 ** 20;

export interface VKernelStatus {
  readonly name: string;
  readonly pid: number;
  /** What the guest was booted with. */
  readonly memoryBytes: number;
  /** What its balloon is to leave it with; null without one. */
  readonly targetBytes: number | null;
  /** Of the host's memory; null where that cannot be found out. */
  readonly residentBytes: number | null;
  readonly uptimeSeconds: number;
}

export interface ControlError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export type ControlAnswer =
  | { readonly progress: unknown }
  | { readonly result: unknown }
  | { readonly error: ControlError };

export function encodeControlError(error: unknown): ControlError {
  if (error instanceof VkrunError) {
    const { code, message, hint } = error;
    return { code, message, ...(hint !== undefined && { hint }) };
  }
  return { code: "ERR_VKRUN_INTERNAL", message: error instanceof Error ? error.message : String(error) };
}

export function decodeControlError({ code, message, hint }: ControlError): VkrunError {
  return new VkrunError(code as VkrunErrorCode, message, hint === undefined ? {} : { hint });
}

/** The lines of a stream, as soon as each is whole. One that is longer than `max` bytes is an error. */
export async function* linesOf(stream: AsyncIterable<Buffer>, max: number): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      parts.push(chunk.subarray(from, at));
      from = at + 1;
      const line = Buffer.concat(parts);
      if (line.length > max) throw tooLong(max);
      parts = [];
      length = 0;
      yield line.toString("utf8");
    }
    parts.push(chunk.subarray(from));
    length += chunk.length - from;
    if (length > max) throw tooLong(max);
  }
}

const NEWLINE = "\n".charCodeAt(0);

function tooLong(max: number): VkrunError {
  return controlError(`a line is longer than ${max} bytes`);
}

/** What arrived is not of this protocol. */
export function controlError(what: string): VkrunError {
  return new VkrunError("ERR_VKRUN_CONTROL_INVALID", `not understood on the control socket: ${what}`, {
    hint: "Both ends must be of the same version of vkrun.",
  });
}
