import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A file without a name, for small pictures on their way to a child and for pixels on their way back: it stays in the page
 * cache, and costs two copies where a channel, or a file for each picture, costs more. It is gone when both are.
 */
export class HandOver {
  readonly descriptor: number;

  constructor() {
    const folder = mkdtempSync(join(tmpdir(), 'graft-pixels-'));
    try {
      this.descriptor = openSync(join(folder, 'pixels'), 'wx+', 0o600);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Fills `target` with what lies at `offset`. */
  read(offset: number, target: Uint8Array): void {
    for (let at = 0; at < target.length;) {
      const read = readSync(this.descriptor, target, at, target.length - at, offset + at);
      if (read === 0) throw new Error('the image process handed over too little');
      at += read;
    }
  }

  /** Puts `bytes` at `offset`. Throws where the disk is full. */
  write(offset: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      at += writeSync(this.descriptor, bytes, at, bytes.length - at, offset + at);
    }
  }

  close(): void {
    closeSync(this.descriptor);
  }
}
