/** `$XDG_CACHE_HOME/vkrun`, or `~/.cache/vkrun` (XDG Base Directory Specification). */
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const base = env["XDG_CACHE_HOME"];
  // "All paths set in these environment variables must be absolute"; others are to be ignored.
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), ".cache"), "vkrun");
}
