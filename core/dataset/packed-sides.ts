import { sides } from './annotations.ts';
import type { GivenSide } from './annotations.ts';
import { Growing } from './growing.ts';
import { PackedHashes, isHash } from './packed-hashes.ts';

/**
 * The side of each unit, for as many as a data set has pictures: 33 bytes where a unit is a content hash that comes in its
 * order, as a split stores them; an entry of a map for the others, such as names of groups.
 */
export class PackedSides {
  private readonly hashes = new PackedHashes();
  private readonly places = new Growing(Uint8Array);
  private readonly named = new Map<string, GivenSide>();
  private last = '';

  add(unit: string, side: GivenSide): void {
    if (!isHash(unit) || unit <= this.last) {
      this.named.set(unit, side);
      return;
    }
    this.last = unit;
    this.places.set(this.hashes.length, sides.indexOf(side));
    this.hashes.push(unit);
  }

  /** Undefined for a unit that was not added. */
  sideOf(unit: string): GivenSide | undefined {
    const named = this.named.get(unit);
    if (named !== undefined || !isHash(unit)) return named;
    const at = this.hashes.find(unit);
    return at < 0 ? undefined : sides[this.places.at(at)];
  }
}
