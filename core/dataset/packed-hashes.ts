/** Bytes of a SHA-256. */
export const HASH_BYTES = 32;
const HASH = /^[0-9a-f]{64}$/;
const [ZERO, NINE, LOWER_A] = [48, 57, 97];

export const isHash = (text: string): boolean => HASH.test(text);

/** SHA-256 hashes as bytes, one after the other, in an array that doubles. */
export class PackedHashes {
  private bytes = new Uint8Array(1024 * HASH_BYTES);
  private count = 0;
  private readonly wanted = new Uint8Array(HASH_BYTES);

  get length(): number {
    return this.count;
  }

  /** 64 hexadecimal digits. */
  push(hex: string): void {
    const start = this.count * HASH_BYTES;
    if (start === this.bytes.length) {
      const larger = new Uint8Array(2 * start);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    decode(hex, this.bytes, start);
    this.count++;
  }

  at(place: number): string {
    let hex = '';
    for (let i = place * HASH_BYTES; i < (place + 1) * HASH_BYTES; i++) {
      hex += (this.bytes[i] ?? 0).toString(16).padStart(2, '0');
    }
    return hex;
  }

  /** Below 0 where the hash at `a` comes first. */
  compare(a: number, b: number): number {
    return compareBytes(this.bytes, a * HASH_BYTES, this.bytes, b * HASH_BYTES);
  }

  /** Where a hash is among those that were pushed in order; −1 where it is not. */
  find(hex: string): number {
    decode(hex, this.wanted, 0);
    let [low, high] = [0, this.count - 1];
    while (low <= high) {
      const middle = (low + high) >> 1;
      const difference = compareBytes(this.bytes, middle * HASH_BYTES, this.wanted, 0);
      if (difference === 0) return middle;
      if (difference < 0) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}

function compareBytes(one: Uint8Array, from: number, other: Uint8Array, start: number): number {
  for (let i = 0; i < HASH_BYTES; i++) {
    const difference = (one[from + i] ?? 0) - (other[start + i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

const digit = (hex: string, at: number): number => {
  const code = hex.charCodeAt(at);
  return code <= NINE ? code - ZERO : code - LOWER_A + 10;
};

function decode(hex: string, into: Uint8Array, start: number): void {
  for (let i = 0; i < HASH_BYTES; i++) into[start + i] = 16 * digit(hex, 2 * i) + digit(hex, 2 * i + 1);
}
