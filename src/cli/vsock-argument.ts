import { InvalidArgumentError } from "commander";
import type { VsockOptions } from "../index.js";

/** cid=N,uds=PATH, as Firecracker names them; what is behind `uds=` is all path, commas included. */
export function parseVsock(value: string): VsockOptions {
  const match = /^(?:cid=(\d+),)?uds=(.+)$/s.exec(value) ?? /^cid=(\d+)$/.exec(value);
  if (match === null) throw new InvalidArgumentError("Give cid=NUMBER,uds=PATH.");
  const [, cid, path] = match;
  return { ...(cid !== undefined && { cid: Number(cid) }), ...(path !== undefined && { path }) };
}
