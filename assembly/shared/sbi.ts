// RISC-V Supervisor Binary Interface 2.0: extension and function numbers, error codes.

export const enum SbiExtension {
  BASE = 0x10,
  TIME = 0x5449_4d45,
  IPI = 0x73_5049,
  RFENCE = 0x5246_4e43,
  HSM = 0x48_534d,
  SRST = 0x5352_5354,
  DBCN = 0x4442_434e,
  SUSP = 0x5355_5350,
}

export const enum SbiError {
  SUCCESS = 0,
  FAILED = -1,
  NOT_SUPPORTED = -2,
  INVALID_PARAM = -3,
  DENIED = -4,
  INVALID_ADDRESS = -5,
  ALREADY_AVAILABLE = -6,
}

/** Specification version 2.0, as major << 24 | minor. */
export const enum SbiVersion {
  SPECIFICATION = 0x0200_0000,
  /** Our implementation id: none is assigned to us; this one is outside of the list. */
  IMPLEMENTATION_ID = 0x766b,
  IMPLEMENTATION = 1,
}

export const enum HsmState {
  STARTED = 0,
  STOPPED = 1,
  SUSPENDED = 4,
}
