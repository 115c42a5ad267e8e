import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { errnoOf, messageOf } from '../../core/errors.ts';
import { sizeProblem } from './check-bytes.ts';
import type { ImageLimits } from './limits.ts';
import { problem } from './problem.ts';
import type { ImageProblem } from './problem.ts';

export type Decoded<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: ImageProblem };

/** Where the bytes of a picture lie in a file that is open. */
export interface HeldBytes {
  readonly file: number;
  readonly offset: number;
  readonly size: number;
}

/** Larger files get memory of their own, which is not kept. */
const KEPT_BYTES = 4 * 2 ** 20;

/** Reads files into the same memory again and again: fresh memory costs as much as the reading. */
export class ImageReader {
  private readonly kept = Buffer.allocUnsafeSlow(KEPT_BYTES);

  /**
   * The file's bytes, after a look at its size; they hold until the next call. At once: the image process has nothing
   * else to do meanwhile.
   */
  read(path: string, limits: ImageLimits, held: HeldBytes | null): Decoded<Buffer> {
    if (held !== null) {
      const wrong = sizeProblem(held.size, limits);
      if (wrong !== null) return { ok: false, problem: wrong };
      return { ok: true, value: this.readWhole(held.file, held.size, held.offset) };
    }
    try {
      const file = openSync(path, 'r');
      try {
        const { size } = fstatSync(file);
        const wrong = sizeProblem(size, limits);
        if (wrong !== null) return { ok: false, problem: wrong };
        return { ok: true, value: this.readWhole(file, size, 0) };
      } finally {
        closeSync(file);
      }
    } catch (error) {
      const seen = errnoOf(error) ?? messageOf(error);
      return {
        ok: false,
        problem: problem('IMAGE_UNREADABLE', seen, 'a readable file', 'check the file and its mode'),
      };
    }
  }

  private readWhole(file: number, size: number, offset: number): Buffer {
    const bytes = size <= KEPT_BYTES ? this.kept : Buffer.allocUnsafeSlow(size);
    let length = 0;
    for (let read = -1; read !== 0 && length < size; length += read) {
      read = readSync(file, bytes, length, size - length, offset + length);
    }
    return bytes.subarray(0, length);
  }
}
