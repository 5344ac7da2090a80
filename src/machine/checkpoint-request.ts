/** What is asked of a checkpoint, and what is told of it. Plain data: it crosses threads. */

export interface CheckpointRequest {
  readonly path: string;
  /** The vkernel ends with it: the guest does nothing any more once the checkpoint holds what it did. */
  readonly exit: boolean;
  /** Only what was written since that checkpoint, which must be the vkernel's last; `true`: since the last one if there is one. */
  readonly parent?: string | true;
  /** What the guest wrote to its disks goes into the file, too. */
  readonly diskIn: boolean;
  /** It is for now: it need not outlive a crash of the host, and nothing will build upon it. */
  readonly temporary: boolean;
}

export interface CheckpointProgress {
  /** Pages of 4096 bytes. */
  readonly pages: number;
  readonly totalPages: number;
}

export interface CheckpointResult {
  /** In hexadecimal digits. */
  readonly id: string;
  readonly path: string;
  /** Of the checkpoint that it builds upon. */
  readonly parent: string | undefined;
  /** Written to the file. */
  readonly bytes: number;
  /** Pages that were looked at: those that the guest ever wrote, or wrote since the parent. */
  readonly pages: number;
  /** Of them, those that the guest overwrote before they were written. */
  readonly copiedPages: number;
  /** How long the guest stood still. */
  readonly pauseMs: number;
  readonly totalMs: number;
}
