import type { GraftError } from '../../../core/errors.ts';
import { inputError } from '../../../core/errors.ts';

/** A position in bytes; reads beyond the end are MODEL_FORMAT errors, never undefined. */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly where: string;
  at: number;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, where: string, at = 0) {
    this.bytes = bytes;
    this.where = where;
    this.at = at;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  u8(): number {
    return this.#view.getUint8(this.take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.take(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.take(4), true);
  }

  /** An unsigned 64-bit size; MODEL_FORMAT above 2^53. */
  u64(): number {
    const value = this.#view.getBigUint64(this.take(8), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.error(`a size of ${value}`, 'a size that fits the file');
    return Number(value);
  }

  f64BigEndian(): number {
    return this.#view.getFloat64(this.take(8), false);
  }

  /** A view of the next `count` bytes. */
  slice(count: number): Uint8Array {
    const start = this.take(count);
    return this.bytes.subarray(start, start + count);
  }

  /** Text up to a line feed, which is consumed; at most `limit` bytes. */
  line(limit: number): string {
    const end = this.bytes.subarray(this.at, this.at + limit + 1).indexOf(0x0a);
    if (end < 0) throw this.error('a line without an end', `at most ${limit} bytes`);
    const text = this.text(end);
    this.at += 1;
    return text;
  }

  /** UTF-8. */
  text(count: number): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.slice(count));
    } catch (error) {
      throw error instanceof TypeError ? this.error('text that is not UTF-8', 'UTF-8') : error;
    }
  }

  error(seen: string, expected: string): GraftError {
    return inputError('MODEL_FORMAT', `${this.where}, byte ${this.at}`, seen, expected, 'download the file again');
  }

  private take(count: number): number {
    if (count > this.left) throw this.error('the file ends', `${count} more bytes`);
    const start = this.at;
    this.at += count;
    return start;
  }
}
