import { InvalidArgumentError } from "commander";
import type { ShareOptions } from "../index.js";

/** DIR:TAG[:ro][:uid=HOW]: taken apart from its end, so a folder's name may hold colons. */
export function collectShare(value: string, shares: ShareOptions[] = []): ShareOptions[] {
  const parts = value.split(":");
  const options: { readOnly?: boolean; uid?: NonNullable<ShareOptions["uid"]> } = {};
  for (;;) {
    const last = parts.at(-1) ?? "";
    if (last === "ro") options.readOnly = true;
    // Whether there is such a way to map users, VKernel.boot knows.
    else if (last.startsWith("uid=")) options.uid = last.slice("uid=".length) as NonNullable<ShareOptions["uid"]>;
    else break;
    parts.pop();
  }
  const tag = parts.pop() ?? "";
  const path = parts.join(":");
  if (path === "" || tag === "") throw new InvalidArgumentError("Give a folder and a tag, such as ./src:src.");
  return [...shares, { path, tag, ...options }];
}
