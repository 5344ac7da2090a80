/**
 * The hart's extensions as the device tree names them: Linux Documentation/devicetree/bindings/riscv/extensions.yaml.
 *
 * Svadu without Svade: the binding then lets the kernel rely on hardware updates of A and D bits, which is how
 * menvcfg.ADUE stands when a kernel starts. Were Svade listed, too, updates would have to be off until asked for over
 * SBI FWFT.
 */
export const HART_EXTENSIONS = [
  "i",
  "m",
  "a",
  "f",
  "d",
  "c",
  "zicbom",
  "zicbop",
  "zicboz",
  "zicntr",
  "zicond",
  "zicsr",
  "zifencei",
  "zihintpause",
  "zihpm",
  "zawrs",
  "zba",
  "zbb",
  "zbc",
  "zbs",
  "sstc",
  "svadu",
  "svinval",
  "svnapot",
  "svpbmt",
] as const;

/** Canonical order of single letters, ISA manual volume I, "ISA Extension Naming Conventions". */
const LETTERS = "iemafdqlcbkjtpvnh";

/**
 * The deprecated riscv,isa string, which older firmware and kernels read: single letters in canonical order, Z
 * extensions by the category that their second letter names, then supervisor extensions by the alphabet.
 */
export function isaString(extensions: readonly string[]): string {
  const single = extensions.filter((name) => name.length === 1).sort((a, b) => LETTERS.indexOf(a) - LETTERS.indexOf(b));
  const multi = extensions.filter((name) => name.length > 1).sort(compareMultiLetter);
  return [`rv64${single.join("")}`, ...multi].join("_");
}

function compareMultiLetter(a: string, b: string): number {
  const [aIsZ, bIsZ] = [a.startsWith("z"), b.startsWith("z")];
  if (aIsZ !== bIsZ) return aIsZ ? -1 : 1;
  const category = aIsZ ? LETTERS.indexOf(a[1] as string) - LETTERS.indexOf(b[1] as string) : 0;
  return category || (a < b ? -1 : Number(a > b));
}
