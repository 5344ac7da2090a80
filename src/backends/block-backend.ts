/**
 * A disk as a device sees it: bytes at offsets. Offsets and lengths are in bytes; callers keep to whole
 * sectors of 512 and inside `size`. A backend knows neither virtio nor the guest.
 *
 * Calls may overlap in time. What two of them do to the same bytes at the same time is up to the caller, but whoever
 * waits for one before making the next one sees them in that order.
 */
export interface BlockBackend extends AsyncDisposable {
  /** Capacity in bytes, a multiple of 512. */
  readonly size: number;
  readonly readOnly: boolean;
  /** What suits the storage; 512 where nothing is said. */
  readonly geometry?: BlockGeometry;
  /** Fills every byte of `buffers`, in order, from `offset` on. */
  read(offset: number, buffers: readonly Uint8Array[]): Promise<void>;
  write(offset: number, buffers: readonly Uint8Array[]): Promise<void>;
  /** Resolves when everything written before is on stable storage. */
  flush(): Promise<void>;
  /**
   * Nobody needs the range's content any more. Its space is given back as far as that is possible; what it reads as from
   * then on is undefined, but never what belongs to somebody else. Where it is missing, nothing can be given back.
   */
  discard?(offset: number, length: number): Promise<void>;
  /** Has the range read as zeroes; gives its space back, as far as that is possible, with `unmap`. */
  writeZeroes?(offset: number, length: number, unmap: boolean): Promise<void>;
  /** As `flush`, and from then on nothing is changed any more, also not when it is disposed. No write comes after it. */
  seal?(): Promise<void>;
  /**
   * Reads what can be had without waiting, from the beginning of the range on: answers how many bytes, 0 when there are none.
   * What is behind them in `buffers` stays as it is. Where something is wrong, that is for `read` to say.
   */
  tryRead?(offset: number, buffers: readonly Uint8Array[]): number;
  /** Writes all of it if that needs no waiting. After false some of it may have been written. */
  tryWrite?(offset: number, buffers: readonly Uint8Array[]): boolean;
}

/** Bytes; powers of two from 512 on. */
export interface BlockGeometry {
  /** What the storage writes without having to read first. */
  readonly physicalBlock?: number;
  /** What it likes to be given at a time. */
  readonly optimalTransfer?: number;
  /** The least that can be given back. */
  readonly discardUnit?: number;
}
