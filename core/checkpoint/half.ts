/** Half precision (IEEE 754 binary16) in bulk. Single values: `halfToNumber` in tensor-data.ts. */
import { halfToNumber } from './tensor-data.ts';

/** The largest finite half; what rounds beyond it has no half but infinity. */
export const LARGEST_HALF = 65_504;

/**
 * Rounds to nearest, ties to even; NaN stays NaN, and what is too large becomes infinite. On whole words, without a
 * branch for the common case: some 3 ns a value.
 */
export function float32ToHalf(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) {
    const word = bits[i] ?? 0;
    const sign = (word >>> 16) & 0x8000;
    const size = word & 0x7fffffff;
    if (size >= 0x38800000 && size < 0x47800000) {
      // A normal half: 112 less in the exponent, 13 bits less of the fraction; a carry goes on into the exponent.
      out[i] = sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
    } else {
      out[i] = sign | (size < 0x38800000 ? subnormal(size) : size > 0x7f800000 ? 0x7e00 : 0x7c00);
    }
  }
  return out;
}

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** Beside 0.5 a float's last bit is 2^-24, the smallest half: the addition itself rounds. */
function subnormal(size: number): number {
  word[0] = size;
  float[0] = (float[0] ?? 0) + 0.5;
  return (word[0] ?? 0) - 0x3f000000;
}

let table: Float32Array | null = null;

/** Exact: every half is a float. One look into a table of 256 KiB a value. */
export function halfToFloat32(halves: Uint16Array): Float32Array {
  table ??= Float32Array.from({ length: 0x10000 }, (_, bits) => halfToNumber(bits));
  const out = new Float32Array(halves.length);
  for (let i = 0; i < out.length; i++) out[i] = table[halves[i] ?? 0] ?? 0;
  return out;
}
