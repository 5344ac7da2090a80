import type { DiskDataSink, DiskDataSource } from "../../src/backends/disk-data.js";
import { scatter, totalLength } from "../../src/backends/scatter.js";

/** What disks put into a checkpoint, in memory. */
export class DiskData implements DiskDataSink, DiskDataSource {
  bytes = new Uint8Array(0);
  /** Whether reads need no waiting. */
  instant = true;

  async appendData(buffers: readonly Uint8Array[]): Promise<number> {
    const offset = this.bytes.length;
    this.bytes = new Uint8Array(Buffer.concat([this.bytes, ...buffers]));
    // What was handed over may not change before it is answered.
    await new Promise((resolve) => setImmediate(resolve));
    return offset;
  }

  async readData(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    await Promise.resolve();
    scatter(buffers, 0, this.bytes.subarray(offset, offset + totalLength(buffers)));
  }

  tryReadData(offset: number, buffers: readonly Uint8Array[]): number {
    if (!this.instant) return 0;
    return scatter(buffers, 0, this.bytes.subarray(offset, offset + totalLength(buffers)));
  }
}
