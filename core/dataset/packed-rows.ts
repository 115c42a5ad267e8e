import { asSha256 } from '../ids.ts';
import type { Sha256 } from '../ids.ts';
import type { BoxedPicture } from './framed-boxes.ts';
import { Growing } from './growing.ts';
import { PackedHashes } from './packed-hashes.ts';

/** One picture to be rendered; `label` is the index of its class. */
export interface Row {
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  readonly path: string;
  readonly label: number;
  /** For detection. */
  readonly picture?: BoxedPicture;
}

/**
 * Rows by the hundred thousand: 56 bytes and the path for each, where as many objects would take four times that and be
 * walked by every collection of garbage. Boxes are kept as they come.
 */
export class PackedRows {
  private readonly hashes = new PackedHashes();
  private readonly labels = new Growing(Int32Array);
  private readonly sizes = new Growing(Float64Array);
  private paths = new Uint8Array(64 * 1024);
  private readonly ends = new Growing(Float64Array);
  private readonly pictures: BoxedPicture[] = [];
  private order: Int32Array | null = null;
  private readonly encoder = new TextEncoder();
  private readonly decoder = new TextDecoder();

  get length(): number {
    return this.hashes.length;
  }

  add({ sha256, sizeBytes, path, label, picture }: Row): void {
    const at = this.length;
    this.order = null;
    this.hashes.push(sha256);
    this.labels.set(at, label);
    this.sizes.set(at, sizeBytes);
    this.ends.set(at, this.write(path, this.startOf(at)));
    if (picture !== undefined) this.pictures[at] = picture;
  }

  /** By content hash, then by path in code-point order, which is that of the bytes. */
  sort(): void {
    this.order = Int32Array.from({ length: this.length }, (_, i) => i).sort((a, b) => this.compare(a, b));
  }

  /** Rows from `start` up to `end` in their order. */
  slice(start: number, end: number): Row[] {
    const rows: Row[] = [];
    for (let i = start; i < Math.min(end, this.length); i++) rows.push(this.row(this.order?.[i] ?? i));
    return rows;
  }

  private row(at: number): Row {
    const path = this.decoder.decode(this.paths.subarray(this.startOf(at), this.ends.at(at)));
    const picture = this.pictures[at];
    const [sha256, sizeBytes] = [asSha256(this.hashes.at(at)), this.sizes.at(at)];
    const row = { sha256, sizeBytes, path, label: this.labels.at(at) };
    return picture === undefined ? row : { ...row, picture };
  }

  private startOf(at: number): number {
    return at === 0 ? 0 : this.ends.at(at - 1);
  }

  /** Where the text ends. */
  private write(text: string, start: number): number {
    // A code unit is three bytes at most.
    const needed = start + 3 * text.length;
    if (this.paths.length < needed) {
      const larger = new Uint8Array(Math.max(2 * this.paths.length, needed));
      larger.set(this.paths);
      this.paths = larger;
    }
    return start + this.encoder.encodeInto(text, this.paths.subarray(start)).written;
  }

  private compare(a: number, b: number): number {
    const byHash = this.hashes.compare(a, b);
    if (byHash !== 0) return byHash;
    const [startA, startB] = [this.startOf(a), this.startOf(b)];
    const [lengthA, lengthB] = [this.ends.at(a) - startA, this.ends.at(b) - startB];
    for (let i = 0; i < Math.min(lengthA, lengthB); i++) {
      const difference = (this.paths[startA + i] ?? 0) - (this.paths[startB + i] ?? 0);
      if (difference !== 0) return difference;
    }
    return lengthA - lengthB;
  }
}
