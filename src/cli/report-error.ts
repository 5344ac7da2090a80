/** How the command says that something went wrong: what, and what to do about it, with a code to search for. */
import { VkrunError } from "../errors.js";

export function formatError(error: unknown): string {
  if (!(error instanceof VkrunError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `vkrun: internal error: ${text}\nThis is a bug in vkrun. (ERR_VKRUN_INTERNAL)\n`;
  }
  const lines = [`vkrun: ${error.message} (${error.code})`];
  if (error.hint !== undefined) lines.push(`  ${error.hint}`);
  // A bug's own stack trace is what its report needs.
  if (error.code === "ERR_VKRUN_INTERNAL" && error.cause instanceof Error) lines.push(error.cause.stack ?? "");
  if (error.code === "ERR_VKRUN_JIT_MISMATCH" && error.cause instanceof Error) lines.push(error.cause.message);
  return `${lines.join("\n")}\n`;
}

export function reportError(error: unknown): void {
  process.stderr.write(formatError(error));
}
