/** Errors between threads: a structured clone would lose the class, the code and the hint. */
import { VkrunError, type VkrunErrorCode } from "../errors.js";

export interface WireError {
  readonly code: VkrunErrorCode | undefined;
  readonly message: string;
  readonly hint: string | undefined;
  readonly stack: string | undefined;
  readonly cause: WireError | undefined;
}

/** Causes may form a ring; nobody reads further than this. */
const CAUSE_DEPTH = 4;

export function encodeError(error: unknown, depth = 0): WireError {
  const known = error instanceof VkrunError ? error : undefined;
  const plain = error instanceof Error ? error : undefined;
  return {
    code: known?.code,
    message: plain?.message ?? String(error),
    hint: known?.hint,
    stack: plain?.stack,
    cause: plain?.cause === undefined || depth >= CAUSE_DEPTH ? undefined : encodeError(plain.cause, depth + 1),
  };
}

/** What was not raised on purpose is a bug in vkrun, and says so. */
export function decodeError(wire: WireError): VkrunError {
  const cause = wire.cause === undefined ? undefined : decodeCause(wire.cause);
  if (wire.code !== undefined) {
    return new VkrunError(wire.code, wire.message, {
      ...(wire.hint !== undefined && { hint: wire.hint }),
      ...(cause !== undefined && { cause }),
    });
  }
  return new VkrunError("ERR_VKRUN_INTERNAL", `vkrun failed: ${wire.message}`, {
    hint: "This is a bug in vkrun; please report it with the stack trace that `--log debug` shows.",
    cause: decodeCause(wire),
  });
}

function decodeCause(wire: WireError): Error {
  const options = wire.cause === undefined ? {} : { cause: decodeCause(wire.cause) };
  const error = new Error(wire.message, options);
  if (wire.stack !== undefined) error.stack = wire.stack;
  return error;
}
