/** A move of an alias, as far as the rules of the ledger go. */
export interface LedgerMove {
  readonly seq: number;
  readonly time: string;
  readonly alias: string;
  readonly from: number | null;
  readonly to: number;
  /** SHA-256 of the bytes of the entry before; null for the first; absent in what graft wrote before it kept this. */
  readonly previousSha256?: string | null | undefined;
  readonly evidence: { readonly weightsSha256: string; readonly versionSha256?: string | undefined };
}

/** An object of the ledger as it lies in the store, whatever it holds. */
export interface SeenEntry {
  /** From its key. */
  readonly seq: number;
  readonly sha256: string;
  /** Null where it can't be read as an entry. */
  readonly move: LedgerMove | null;
}

export interface SeenAliases {
  readonly aliases: Readonly<Record<string, number>>;
  readonly ledgerSeq: number;
  readonly ledgerSha256?: string | null | undefined;
}

/** A version that the ledger speaks of, or that is registered. */
export interface SeenVersion {
  readonly version: number;
  /** Of its manifest's bytes; null where it is gone. */
  readonly sha256: string | null;
  /** What its manifest says its weights are; null where it can't be read. */
  readonly weightsSha256: string | null;
  readonly weights: 'whole' | 'gone' | 'changed' | 'unknown';
  /** Nothing keeps its weights any more: they may be gone. */
  readonly retired?: boolean;
}

export interface LedgerProblem {
  readonly code: string;
  readonly where: string;
  readonly seen: string;
}

export interface LedgerVerdict {
  readonly problems: LedgerProblem[];
  /** Where the ledger leads: what the aliases must be. */
  readonly aliases: Record<string, number>;
  /** An entry that the pointer has not followed yet: a promotion was killed between the two, or is under way. */
  readonly pending: number | null;
  /** SHA-256 of the last entry: whoever keeps it elsewhere can tell that the whole ledger was not written anew. */
  readonly head: string | null;
  /** Entries from before the chain: nothing but their own order vouches for them. */
  readonly unchained: number;
}

/**
 * Checks a model's ledger, its aliases and its versions against one another. `entries` ascending by their keys; null
 * aliases where there is no such object. Pure.
 */
export function checkLedger(
  entries: readonly SeenEntry[],
  aliases: SeenAliases | null,
  versions: readonly SeenVersion[],
): LedgerVerdict {
  const problems: LedgerProblem[] = [];
  const at: Record<string, number> = {};
  let unchained = 0;
  let previous: SeenEntry | null = null;
  for (const entry of entries) {
    problems.push(...checkEntry(entry, previous, at, unchained < entries.indexOf(entry)));
    if (entry.move && entry.move.previousSha256 === undefined) unchained++;
    if (entry.move) at[entry.move.alias] = entry.move.to;
    previous = entry;
  }
  const known = aliases?.ledgerSeq ?? 0;
  const pending = entries.length > 0 && entries.at(-1)?.seq === known + 1 ? known + 1 : null;
  problems.push(...checkPointer(entries, aliases, at, pending), ...checkVersions(entries, versions));
  return { problems, aliases: at, pending, head: previous?.sha256 ?? null, unchained };
}

const problem = (code: string, where: string, seen: string): LedgerProblem => ({ code, where, seen });
const entryName = (seq: number): string => `ledger entry ${seq}`;

function checkEntry(
  { seq, move }: SeenEntry,
  previous: SeenEntry | null,
  at: Readonly<Record<string, number>>,
  chained: boolean,
): LedgerProblem[] {
  const where = entryName(seq);
  const expected = (previous?.seq ?? 0) + 1;
  const gap = seq === expected ? [] : [problem('LEDGER_GAP', where, `entry ${expected} is missing before it`)];
  if (!move) return [...gap, problem('LEDGER_UNREADABLE', where, 'it is no ledger entry')];
  const found = [...gap];
  if (move.seq !== seq) found.push(problem('LEDGER_NUMBER', where, `it calls itself ${move.seq}`));
  if (previous?.move && move.time < previous.move.time) {
    found.push(problem('LEDGER_TIME', where, `${move.time} is before ${previous.move.time} of the entry before`));
  }
  const from = at[move.alias] ?? null;
  if (move.from !== from) {
    found.push(problem('LEDGER_FROM', where, `${move.alias} leaves ${name(move.from)}, but stood at ${name(from)}`));
  }
  if (move.previousSha256 === undefined) {
    if (chained) found.push(problem('LEDGER_CHAIN', where, 'it has lost the hash of the entry before'));
  } else if (move.previousSha256 !== (previous?.sha256 ?? null)) {
    found.push(problem('LEDGER_CHAIN', where, 'the entry before it is not the one it was written after'));
  }
  return found;
}

const name = (version: number | null): string => (version === null ? 'nothing' : `version ${version}`);

function checkPointer(
  entries: readonly SeenEntry[],
  aliases: SeenAliases | null,
  at: Readonly<Record<string, number>>,
  pending: number | null,
): LedgerProblem[] {
  if (!aliases) {
    const lost = entries.length > (pending === null ? 0 : 1);
    return lost ? [problem('ALIASES_MISSING', 'aliases.json', `gone, after ${entries.length} ledger entries`)] : [];
  }
  const last = entries.at(-1)?.seq ?? 0;
  const found: LedgerProblem[] = [];
  if (aliases.ledgerSeq > last) {
    found.push(problem('LEDGER_CUT', 'ledger', `ends at ${last}, the aliases stand at entry ${aliases.ledgerSeq}`));
  } else if (last > aliases.ledgerSeq + 1) {
    found.push(problem('ALIASES_BEHIND', 'aliases.json', `at entry ${aliases.ledgerSeq}, the ledger goes to ${last}`));
  }
  const standing = entries.find(({ seq }) => seq === aliases.ledgerSeq);
  if (standing && typeof aliases.ledgerSha256 === 'string' && aliases.ledgerSha256 !== standing.sha256) {
    found.push(problem('LEDGER_CHANGED', entryName(standing.seq), 'not the bytes that the aliases followed'));
  }
  const expected = pending === null ? at : replay(entries.slice(0, -1));
  for (const alias of new Set([...Object.keys(expected), ...Object.keys(aliases.aliases)])) {
    const [is, must] = [aliases.aliases[alias] ?? null, expected[alias] ?? null];
    if (is !== must && aliases.ledgerSeq <= last) {
      found.push(problem('ALIAS_MOVED', `alias ${alias}`, `at ${name(is)}, the ledger led it to ${name(must)}`));
    }
  }
  return found;
}

function replay(entries: readonly SeenEntry[]): Record<string, number> {
  return Object.fromEntries(entries.flatMap(({ move }) => (move ? [[move.alias, move.to]] : [])));
}

function checkVersions(entries: readonly SeenEntry[], versions: readonly SeenVersion[]): LedgerProblem[] {
  const found: LedgerProblem[] = [];
  const known = new Map(versions.map((version) => [version.version, version]));
  for (const { version, sha256, weights, weightsSha256, retired } of versions) {
    const where = `version ${version}`;
    if (sha256 === null) found.push(problem('VERSION_MISSING', where, 'its manifest is gone'));
    else if (weightsSha256 === null) found.push(problem('VERSION_UNREADABLE', where, 'its manifest can’t be read'));
    if (weights === 'gone' && !retired) found.push(problem('WEIGHTS_MISSING', where, 'its weights are gone'));
    if (weights === 'changed') found.push(problem('WEIGHTS_CHANGED', where, 'its weights are other bytes'));
  }
  for (const { move } of entries) {
    const version = move && known.get(move.to);
    if (!version || version.sha256 === null) continue;
    const { versionSha256, weightsSha256 } = move.evidence;
    const where = `version ${move.to}`;
    if (versionSha256 !== undefined && versionSha256 !== version.sha256) {
      found.push(problem('VERSION_CHANGED', where, `not the manifest that entry ${move.seq} promoted`));
    } else if (version.weightsSha256 !== null && weightsSha256 !== version.weightsSha256) {
      found.push(problem('VERSION_CHANGED', where, `names other weights than entry ${move.seq} promoted`));
    }
  }
  return found;
}

/** The move that was in force at a moment (ms since the epoch); null where the alias stood nowhere yet. */
export function liveAt<M extends LedgerMove>(moves: readonly M[], alias: string, timeMs: number): M | null {
  return moves.filter((move) => move.alias === alias && Date.parse(move.time) <= timeMs).at(-1) ?? null;
}
