/** Why `run` came back. */
export const enum RunExit {
  /** The instructions asked for are done. */
  Budget = 0,
  /** The hart waits for an interrupt and none is pending. */
  Idle = 1,
  /** The guest asked SBI for a reset or a suspend: Hart.resetType and Hart.resetReason say which. */
  Reset = 2,
  /** The host called requestStop. */
  HostStop = 3,
}

/** SBI SRST reset types (SBI 3.0, chapter 10), and one of ours for SUSP. */
export const enum ResetType {
  SHUTDOWN = 0,
  COLD_REBOOT = 1,
  WARM_REBOOT = 2,
}
