/** menvcfg and senvcfg (Privileged 3.1.18, 4.1.10). Not an enum, which has no room for bit 63. */
export class MenvcfgBits {
  static readonly FIOM: u64 = 1;
  static readonly CBIE: u64 = 3 << 4;
  static readonly CBIE_SHIFT: u64 = 4;
  static readonly CBCFE: u64 = 1 << 6;
  static readonly CBZE: u64 = 1 << 7;
  static readonly ADUE: u64 = 1 << 61;
  static readonly PBMTE: u64 = 1 << 62;
  static readonly STCE: u64 = 1 << 63;
}
