/** What the command line and the API can say about a boot. */

/** Paths are the host's. Everything is optional; without any of it, `disk` has to bring its own kernel. */
export interface BootOptions {
  readonly kernel?: string;
  readonly initrd?: string;
  readonly dtb?: string;
  readonly firmware?: string;
  /** A bare-metal program instead of a kernel. */
  readonly elf?: string;
  /** Added to the command line that the disk's entry has; all of it with `kernel`. */
  readonly append?: string;
  /** Device name, "hvc0": console= for a command line that has none. */
  readonly console?: string;
  /** For /chosen/rng-seed; the caller records it, for it is an input of the machine. */
  readonly rngSeed?: Uint8Array;
  /** The guest's name of `disk`; "vda" by default. */
  readonly diskDevice?: string;
}
