/** What a build tells whoever is watching. Every event is complete in itself: a late listener loses nothing. */
export type ImageProgress =
  /** Another process builds the same image; this one waits for it. */
  | { readonly stage: "waiting" }
  | { readonly stage: "download"; readonly name: string; readonly receivedBytes: number; readonly totalBytes: number }
  | { readonly stage: "unpack"; readonly name: string; readonly done: number; readonly total: number }
  | { readonly stage: "write"; readonly entries: number }
  /** The image boots once to run its packages' maintainer scripts; `name` is the package at hand. */
  | { readonly stage: "configure"; readonly name: string; readonly done: number; readonly total: number }
  | { readonly stage: "done"; readonly path: string; readonly cached: boolean };

export type ProgressListener = (progress: ImageProgress) => void;
