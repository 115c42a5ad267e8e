import { GraftError, failedError, messageOf } from '../../core/errors.ts';
import type { OnProvision, ProvisionItem } from './progress.ts';

/** One place where a program may come from; null when it has none, without that being a failure. An empty `source` gets this name. */
export interface Source<T> {
  readonly name: string;
  readonly attempt: () => Promise<T | null>;
}

interface Outcome<T> {
  readonly found: T | null;
  /** The one that was found, or an error with this code that lists all that was tried. */
  require(code: string, remedy: string): T;
}

/** What stops the search, because every later source would meet it too or because a person has to decide. */
const STOPS = new Set(['BINARY_GIVEN', 'DISK_FULL', 'PERMISSION', 'LOCK_LOST']);

/** Asks the sources in order. A source that fails is noted and passed over. */
export async function firstOf<T extends { readonly source: string }>(
  item: ProvisionItem,
  sources: readonly Source<T>[],
  onProgress?: OnProvision,
): Promise<Outcome<T>> {
  const tried: string[] = [];
  for (const { name, attempt } of sources) {
    try {
      const found = await attempt();
      if (found !== null) return outcome<T>({ ...found, source: found.source || name }, item, tried);
      tried.push(`${name}: none`);
    } catch (error) {
      if (!(error instanceof GraftError) || STOPS.has(error.code)) throw error;
      tried.push(`${name}: ${messageOf(error)}`);
      onProgress?.({ item, step: 'next source', note: `${name}: ${messageOf(error)}` });
    }
  }
  return outcome<T>(null, item, tried);
}

function outcome<T>(found: T | null, item: ProvisionItem, tried: readonly string[]): Outcome<T> {
  return {
    found,
    require: (code, remedy) => {
      if (found !== null) return found;
      throw failedError(code, item, `tried ${tried.join('; ')}`, undefined, remedy);
    },
  };
}
