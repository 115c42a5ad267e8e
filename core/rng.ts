/**
 * Addressed randomness: every draw is a function of (seed, purpose, epoch, index), never of what was drawn before.
 * So a resume at any step needs no generator state, and the order of work does not change a result.
 *
 * The generator is Philox-4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC'11, §2.2 and
 * table 2), a counter-based generator that passes BigCrush.
 */
const PHILOX_M0 = 0xd2511f53;
const PHILOX_M1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;

/** Four 32-bit words. */
export type Words = readonly [number, number, number, number];

/** Philox-4x32-10 of a 128-bit counter under a 64-bit key. All words are unsigned 32-bit. */
export function philox(counter: Words, key: readonly [number, number]): Words {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const hi0 = mulHigh(PHILOX_M0, c0);
    const lo0 = Math.imul(PHILOX_M0, c0) >>> 0;
    const hi1 = mulHigh(PHILOX_M1, c2);
    const lo1 = Math.imul(PHILOX_M1, c2) >>> 0;
    [c0, c1, c2, c3] = [(hi1 ^ c1 ^ k0) >>> 0, lo1, (hi0 ^ c3 ^ k1) >>> 0, lo0];
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The high 32 bits of the product of two unsigned 32-bit integers. */
function mulHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const middle2 = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + (middle2 >>> 16)) >>> 0;
}

/** FNV-1a over UTF-16 code units: names a purpose with 32 bits. */
export function purposeWord(purpose: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < purpose.length; i++) {
    hash ^= purpose.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193) >>> 0;
  }
  return hash;
}

/** A source of draws for one purpose of one run: `stream(seed, 'shuffle').uniform(epoch, index)`. */
export interface RandomStream {
  /** Four words at (epoch, index, block); `index` below 2^48. */
  words(epoch: number, index: number, block?: number): Words;
  /** Uniform in [0, 1) with 32 bits. */
  uniform(epoch: number, index: number, block?: number): number;
  /** Standard normal, by Box–Muller of two uniforms. */
  normal(epoch: number, index: number, block?: number): number;
}

export function stream(seed: number, purpose: string): RandomStream {
  const key: [number, number] = [seed >>> 0, (purposeWord(purpose) ^ Math.floor(seed / 0x1_0000_0000)) >>> 0];
  const words = (epoch: number, index: number, block = 0): Words => {
    const high = Math.floor(index / 0x1_0000_0000) & 0xffff;
    return philox([index >>> 0, ((block << 16) | high) >>> 0, epoch >>> 0, 0], key);
  };
  return {
    words,
    uniform: (epoch, index, block) => words(epoch, index, block)[0] / 0x1_0000_0000,
    normal(epoch, index, block) {
      const [a, b] = words(epoch, index, block);
      return Math.sqrt(-2 * Math.log((a + 1) / 0x1_0000_0001)) * Math.cos((2 * Math.PI * b) / 0x1_0000_0000);
    },
  };
}

const ROUNDS = 6;

/**
 * A keyed permutation of 0 … size−1 in O(1) memory: a balanced Feistel network over the next even power of two with
 * Philox as its round function, walked until it lands inside (Black and Rogaway, "Ciphers with Arbitrary Finite
 * Domains", CT-RSA 2002, cycle-walking). `position` → `index`; fewer than four walks on average.
 */
export function permutation(size: number, seed: number, purpose: string, epoch: number): (position: number) => number {
  const { half, maskOf } = network(size, seed, purpose, epoch);
  return walking(size, (value) => {
    let left = Math.floor(value / half);
    let right = value % half;
    for (let round = 1; round <= ROUNDS; round++) [left, right] = [right, (left ^ maskOf(right, round)) >>> 0];
    return left * half + right;
  });
}

/** The other way round: `index` → `position`. */
export function permutationInverse(
  ...[size, seed, purpose, epoch]: Parameters<typeof permutation>
): (index: number) => number {
  const { half, maskOf } = network(size, seed, purpose, epoch);
  return walking(size, (value) => {
    let left = Math.floor(value / half);
    let right = value % half;
    for (let round = ROUNDS; round >= 1; round--) [left, right] = [(right ^ maskOf(left, round)) >>> 0, left];
    return left * half + right;
  });
}

function network(size: number, seed: number, purpose: string, epoch: number) {
  if (!Number.isInteger(size) || size < 1 || size > 2 ** 40) throw new Error(`permutation of ${size} items`);
  const half = 2 ** Math.max(1, Math.ceil(Math.log2(size) / 2));
  const { words } = stream(seed, purpose);
  return { half, maskOf: (side: number, round: number): number => words(epoch, side, round)[0] % half };
}

function walking(size: number, step: (value: number) => number): (from: number) => number {
  return (from) => {
    if (!(from >= 0 && from < size)) throw new Error(`position ${from} outside 0…${size - 1}`);
    let value = step(from);
    while (value >= size) value = step(value);
    return value;
  };
}
