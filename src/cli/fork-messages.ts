/** What `vkrun fork` and the process of the children say to each other. */
import type { NetworkOptions } from "../index.js";
import type { ControlError } from "./control-protocol.js";

export interface ForkRequest {
  /** The checkpoint to begin with; it is gone when the children run. */
  readonly path: string;
  /** What names begin with. */
  readonly name: string;
  readonly first: number;
  readonly count: number;
  readonly network?: NetworkOptions;
  readonly snapshot: boolean;
  readonly log?: string;
}

export type ForkReply = { readonly names: readonly string[] } | { readonly error: ControlError };

/** In names of taps, links and files: the child's number. */
export const NUMBER_MARK = "{n}";
