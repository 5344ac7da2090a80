// The image tiny, from the cache or built once. Guests of tests run it with `snapshot`: it belongs to everybody.

import { buildImage } from "../../src/images/index.js";

/** What its shell prints when it waits for a command. */
export const TINY_PROMPT = /vkrun:~# /;

export async function tinyImage(): Promise<string> {
  return (await buildImage("tiny")).path;
}
