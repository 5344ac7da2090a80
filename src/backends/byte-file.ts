/**
 * Where an image format keeps its bytes: a file of the host, or one behind a web server. Unlike a disk it has an end that
 * writes move, and reads behind it give less than was asked for.
 */
export interface ByteFile extends AsyncDisposable {
  /** Path or URL, for messages. */
  readonly path: string;
  readonly readOnly: boolean;
  /** Its length when it was opened. */
  readonly size: number;
  /** What it is read and written in without further work: a power of two. */
  readonly blockSize: number;
  /** Fills `buffers` from `offset` on as far as the file goes; answers how many bytes that were. */
  read(offset: number, buffers: readonly Uint8Array[]): Promise<number>;
  write(offset: number, buffers: readonly Uint8Array[]): Promise<void>;
  /** Reads what needs no waiting, from the beginning on; answers how many bytes. */
  tryRead(offset: number, buffers: readonly Uint8Array[]): number;
  /** Writes all of it; false where that might take long, and then perhaps some of it. */
  tryWrite(offset: number, buffers: readonly Uint8Array[]): boolean;
  /** Resolves when what was written is on stable storage. */
  flush(): Promise<void>;
  /** Whether space can be given back at all. */
  readonly allocates: boolean;
  /** Gives the range's space back; it reads as zeroes. False where that is not possible. */
  punchHole(offset: number, length: number): Promise<boolean>;
  /** Has the range read as zeroes, its space kept. False where that is not possible. */
  zeroRange(offset: number, length: number): Promise<boolean>;
}
