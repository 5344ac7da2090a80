/** The version of this vkrun, as its package says it. */
import { readFile } from "node:fs/promises";

let known: Promise<string> | undefined;

export function vkrunVersion(): Promise<string> {
  known ??= readFile(new URL("../package.json", import.meta.url), "utf8").then(
    (text) => (JSON.parse(text) as { version: string }).version,
  );
  return known;
}
