// Hart masks of SBI calls (chapter 3.1): bit i of `mask` is hart `base + i`; a base of -1 means all harts.

import { Hart, Harts } from "../hart/hart";

const ALL: u64 = u64.MAX_VALUE;

export class HartMask {
  /** Harts of this machine. */
  static count(): u32 {
    return 1;
  }

  static hart(index: u32): Hart {
    return Harts.at(index);
  }

  /** Whether every hart named exists. */
  static valid(mask: u64, base: u64): bool {
    if (base == ALL || mask == 0) return true;
    if (base >= HartMask.count()) return false;
    return mask >> (HartMask.count() - base) == 0;
  }

  static has(mask: u64, base: u64, index: u32): bool {
    if (base == ALL) return true;
    return index >= base && ((mask >> (index - base)) & 1) != 0;
  }
}
