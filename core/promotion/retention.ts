export interface RetentionRules {
  readonly nowMs: number;
  /** The newest versions stay, so many of them. */
  readonly keepNewest: number;
  /** Versions that an alias pointed at within this time stay. */
  readonly keepLiveMs: number;
  /** Younger versions stay: somebody may be about to promote one. */
  readonly keepYoungMs: number;
}

export interface RetainedVersion {
  readonly version: number;
  readonly createdAt: string;
  readonly tags: Readonly<Record<string, string>>;
}

interface Move {
  readonly time: string;
  readonly alias: string;
  readonly from: number | null;
  readonly to: number;
}

/** A version with this tag stays, whatever its value. */
export const KEEP_TAG = 'keep';

/**
 * Why each version stays; null for those that may be retired. `moves` are the ledger, in order. What an alias points at, where
 * a rollback would lead and what was live lately always stay. Pure.
 */
export function judgeRetention(
  versions: readonly RetainedVersion[],
  aliases: Readonly<Record<string, number>>,
  moves: readonly Move[],
  rules: RetentionRules,
): Map<number, string | null> {
  const newest = new Set(
    [...versions]
      .sort((a, b) => b.version - a.version)
      .slice(0, rules.keepNewest)
      .map(({ version }) => version),
  );
  return new Map(
    versions.map(({ version, createdAt, tags }) => {
      const held = Object.keys(aliases).filter((alias) => aliases[alias] === version);
      if (held.length > 0) return [version, `is ${held.join(', ')}`];
      const back = Object.keys(aliases).find((alias) => lastMove(moves, alias)?.from === version);
      if (back !== undefined) return [version, `a rollback of ${back} leads to it`];
      const live = lastLiveMs(moves, version);
      if (live !== null && rules.nowMs - live < rules.keepLiveMs) return [version, 'was live lately'];
      if (tags[KEEP_TAG] !== undefined) return [version, `has the tag ${KEEP_TAG}`];
      if (newest.has(version)) return [version, `one of the ${rules.keepNewest} newest`];
      if (rules.nowMs - Date.parse(createdAt) < rules.keepYoungMs) return [version, 'was made lately'];
      return [version, null];
    }),
  );
}

const lastMove = (moves: readonly Move[], alias: string): Move | undefined =>
  moves.findLast((move) => move.alias === alias);

/** When an alias left it last: the next move of an alias that stood there; null where it was never live. */
function lastLiveMs(moves: readonly Move[], version: number): number | null {
  const left = moves.filter(({ from, to }) => from === version || to === version).map(({ time }) => Date.parse(time));
  return left.length === 0 ? null : Math.max(...left);
}
