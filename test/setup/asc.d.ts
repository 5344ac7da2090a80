// The part of "assemblyscript/asc" that tests use. Its own declarations bring in the compiler's ambient types, which
// replace `console` and others for the whole program (tsconfig.test.json maps the package to this file).

export interface CompilerHooks {
  readFile?: (path: string, baseDir: string) => string | null | Promise<string | null>;
  writeFile?: (path: string, contents: string | Uint8Array, baseDir: string) => void | Promise<void>;
  listFiles?: (directory: string, baseDir: string) => string[] | null | Promise<string[] | null>;
}

export interface CompilerResult {
  error: Error | null;
  stdout: { toString(): string };
  stderr: { toString(): string };
}

declare const asc: {
  /** Runs the compiler with the command line `args`. */
  main(args: string[], hooks?: CompilerHooks): Promise<CompilerResult>;
};
export default asc;
