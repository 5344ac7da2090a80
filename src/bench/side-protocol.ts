/** What `vkrun bench` and its two children say to each other, one question at a time. */

export type Question =
  /** Lay the case out, check it, and run it until V8 has made of it what it will. */
  | { readonly kind: "prepare"; readonly id: string; readonly warmUpMs: number }
  /** Time the case that is laid out. */
  | { readonly kind: "sample"; readonly ms: number }
  /** Count what the case that is laid out allocates. */
  | { readonly kind: "allocation" }
  /** Lay the case out, and time each of its first calls. */
  | { readonly kind: "cold"; readonly id: string; readonly calls: number };

export interface Answers {
  /** What the case found: the same for both forms, or one of them is wrong. */
  prepare: string;
  /** ns an operation. */
  sample: number[];
  /** Bytes an operation, of the JavaScript heap. */
  allocation: number;
  /** ns each call took. */
  cold: number[];
}

export type Answer = { readonly ready: true } | { readonly value: unknown } | { readonly failed: string };
