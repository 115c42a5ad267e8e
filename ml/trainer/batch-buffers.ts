/**
 * Memory for the batch of a step and for the one that is read meanwhile, by turns. A fresh array of megabytes for each would
 * have V8 look for garbage beside every tenth step or so, on the cores that compute them.
 */
export class BatchBuffers {
  private readonly buffers: readonly Uint8Array[];
  private readonly rowBytes: number;
  private turn = 0;

  constructor(rowBytes: number, batchSize: number) {
    this.rowBytes = rowBytes;
    this.buffers = Array.from({ length: 2 }, () => new Uint8Array(rowBytes * batchSize));
  }

  /** Room for so many rows, at most a batch; what was given two calls before is overwritten. */
  next(rows: number): Uint8Array {
    const buffer = this.buffers[this.turn % this.buffers.length];
    if (!buffer || rows * this.rowBytes > buffer.length) throw new Error(`${rows} rows are more than a batch`);
    this.turn += 1;
    return buffer.subarray(0, rows * this.rowBytes);
  }
}
