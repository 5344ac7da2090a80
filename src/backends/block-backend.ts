/**
 * A disk as a device sees it: bytes at offsets. Offsets and lengths are in bytes; callers keep to whole
 * sectors of 512 and inside `size`. A backend knows neither virtio nor the guest.
 */
export interface BlockBackend extends AsyncDisposable {
  /** Capacity in bytes, a multiple of 512. */
  readonly size: number;
  readonly readOnly: boolean;
  /** Fills every byte of `buffers`, in order, from `offset` on. */
  read(offset: number, buffers: readonly Uint8Array[]): Promise<void>;
  write(offset: number, buffers: readonly Uint8Array[]): Promise<void>;
  /** Resolves when everything written before is on stable storage. */
  flush(): Promise<void>;
}
