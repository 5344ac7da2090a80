// The part of the WebAssembly JavaScript Interface (W3C, 2.0) that vkrun uses. TypeScript declares it in its library for
// browsers alone, whose hundreds of other globals (`name`, `event`, `close`) do not exist in Node.

declare namespace WebAssembly {
  interface MemoryDescriptor {
    /** In pages of 64 KiB. */
    initial: number;
    maximum?: number;
    shared?: boolean;
  }

  class Memory {
    constructor(descriptor: MemoryDescriptor);
    readonly buffer: ArrayBufferLike;
    grow(delta: number): number;
  }

  interface TableDescriptor {
    initial: number;
    element: "anyfunc";
  }

  class Table {
    constructor(descriptor: TableDescriptor);
    readonly length: number;
    grow(delta: number): number;
    set(index: number, value: unknown): void;
  }

  class Global {
    constructor(descriptor: { value: "i32" | "i64"; mutable?: boolean }, value: number | bigint);
    value: unknown;
    valueOf(): unknown;
  }

  type ImportValue = Memory | Table | Global | number | ((...args: never[]) => unknown);
  type Imports = Record<string, Record<string, ImportValue>>;
  // biome-ignore lint/suspicious/noExplicitAny: what a module exports is known to whoever wrote it, not to its loader.
  type Exports = Record<string, any>;

  class Module {
    constructor(bytes: Uint8Array);
    /** Without a member of its own, an array of bytes would pass for a module. */
    private readonly compiled: unknown;
    static exports(module: Module): { name: string; kind: string }[];
    static imports(module: Module): { module: string; name: string; kind: string }[];
  }

  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Exports;
  }

  function compile(bytes: Uint8Array): Promise<Module>;
  function instantiate(module: Module, imports?: Imports): Promise<Instance>;
  function instantiate(bytes: Uint8Array, imports?: Imports): Promise<{ module: Module; instance: Instance }>;
}
