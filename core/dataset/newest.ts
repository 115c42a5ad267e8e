import { compareText } from './order.ts';

/** An image and how many versions of its data set ago it was first there: 0 for the newest version. */
export interface Aged {
  readonly path: string;
  readonly generation: number;
}

/** The newest first; within a version the last by path, as names that count or carry a date have it. */
export function newest<T extends Aged>(items: readonly T[], images: number): T[] {
  const order = [...items].sort((a, b) => a.generation - b.generation || compareText(b.path, a.path));
  return order.slice(0, images);
}

/**
 * The generation of each unit, from splits that remember every unit they ever knew: the newest split first. Ends early,
 * with the rest as old as the last split that was read, once `enough` says so.
 */
export class Generations {
  private readonly known = new Map<string, number>();
  private rest: Set<string>;
  private at = 0;

  constructor(units: Iterable<string>) {
    this.rest = new Set(units);
  }

  /** The units of the next older split. Those that it lacks came after it. */
  older(units: ReadonlySet<string>): void {
    const still = new Set<string>();
    for (const unit of this.rest) {
      if (units.has(unit)) still.add(unit);
      else this.known.set(unit, this.at);
    }
    this.rest = still;
    this.at++;
  }

  /** How many splits were read beyond the newest. */
  get read(): number {
    return this.at;
  }

  of(unit: string): number {
    return this.known.get(unit) ?? this.at;
  }
}
