import type { LedgerEntry, ModelAliases } from '../../contracts/registry.ts';
import { failedError, transientError } from '../../core/errors.ts';
import { sha256Of } from '../lib/hash.ts';
import { readAliases, readStoredEntry, registryKeys, versionSha256, writeAliases } from '../lib/registry.ts';
import type { StoredEntry } from '../lib/registry.ts';
import type { TrainPorts } from '../ports.ts';

export interface AliasMove {
  readonly model: string;
  readonly alias: string;
  readonly action: LedgerEntry['action'];
  readonly to: number;
  /** Where the alias must stand (null: nowhere), because the decision was taken against it; absent: anywhere. */
  readonly from?: number | null;
  readonly actor: string;
  readonly reason: string;
  readonly evidence: LedgerEntry['evidence'];
}

export type MoveOutcome =
  | { readonly kind: 'moved' }
  /** It points there already. */
  | { readonly kind: 'there' }
  /** This very move was made before, and others came after it. */
  | { readonly kind: 'moved-before' }
  /** It stands elsewhere than the decision was taken against. */
  | { readonly kind: 'overtaken'; readonly holder: number | null };

type Ports = Pick<TrainPorts, 'store' | 'clock'>;

/**
 * Points an alias at a version and records who, when, from, to and why. The ledger entry is claimed first
 * (`If-None-Match: *` on the next number), then the pointer follows (`If-Match`). Killed in between, the entry stands and
 * the pointer lags: whoever comes next completes that move before its own, so ledger and pointer agree in every case.
 * Every entry holds the hash of the one before, and the pointer that of the entry it follows (docs/adr/0091).
 */
export async function moveAlias(ports: Ports, move: AliasMove): Promise<MoveOutcome> {
  for (let tries = 0; tries < 200; tries++) {
    const { value, etag } = await readAliases(ports.store, move.model);
    const pending = await readStoredEntry(ports.store, move.model, value.ledgerSeq + 1);
    if (pending) {
      await writeAliases(ports.store, move.model, applied(value, pending), etag);
      continue;
    }
    const last = await standingEntry(ports, move.model, value);
    const holder = value.aliases[move.alias] ?? null;
    if (holder === move.to) return { kind: 'there' };
    if (move.from !== undefined && holder !== move.from) {
      const before = await madeBefore(ports, move, value.ledgerSeq);
      return before ? { kind: 'moved-before' } : { kind: 'overtaken', holder };
    }
    const entry = await entryFor(ports, move, value, last);
    const body = new TextEncoder().encode(JSON.stringify(entry));
    const key = registryKeys.ledger(move.model, entry.seq);
    const claim = await ports.store.putIfAbsent(key, body, { contentType: 'application/json' });
    if (claim.kind === 'conflict') continue;
    // Whether this write or a helper's wins, it writes the same: the entry decides.
    await writeAliases(ports.store, move.model, applied(value, { entry, sha256: sha256Of(body) }), etag);
    return { kind: 'moved' };
  }
  throw transientError(
    'REGISTRY_RACE',
    `models/${move.model}`,
    'the alias was moved by others 200 times',
    'a free moment',
  );
}

/** The entry that the pointer follows. REGISTRY_TAMPERED (failed) where they don't agree: no move may cover that up. */
async function standingEntry({ store }: Ports, model: string, value: ModelAliases): Promise<StoredEntry | null> {
  if (value.ledgerSeq === 0) {
    if (Object.keys(value.aliases).length === 0) return null;
    throw tampered(model, 'it names versions that no ledger entry led to');
  }
  const last = await readStoredEntry(store, model, value.ledgerSeq);
  if (!last) throw tampered(model, `it stands at ledger entry ${value.ledgerSeq}, which is gone`);
  const { alias, to } = last.entry;
  if (value.aliases[alias] !== to) {
    const seen = `${alias} is at ${value.aliases[alias] ?? 'nothing'}, ledger entry ${value.ledgerSeq} led it to ${to}`;
    throw tampered(model, seen);
  }
  if (typeof value.ledgerSha256 === 'string' && value.ledgerSha256 !== last.sha256) {
    throw tampered(model, `ledger entry ${value.ledgerSeq} is not the one it followed`);
  }
  return last;
}

function tampered(model: string, seen: string) {
  const remedy = `graft models verify ${model} says what was changed; restore it from a backup`;
  return failedError('REGISTRY_TAMPERED', registryKeys.aliases(model), seen, 'what the ledger says', remedy);
}

/** How far back a move that is tried again looks for itself. */
const LOOK_BACK = 200;

async function madeBefore({ store }: Ports, move: AliasMove, ledgerSeq: number): Promise<boolean> {
  for (let seq = ledgerSeq; seq > Math.max(0, ledgerSeq - LOOK_BACK); seq--) {
    const entry = (await readStoredEntry(store, move.model, seq))?.entry;
    if (!entry || entry.alias !== move.alias || entry.to !== move.to || entry.action !== move.action) continue;
    if (entry.from !== move.from) continue;
    const { runId, requestId } = entry.evidence;
    if (runId === move.evidence.runId && requestId === move.evidence.requestId) return true;
  }
  return false;
}

async function entryFor(
  { store, clock }: Ports,
  move: AliasMove,
  current: ModelAliases,
  last: StoredEntry | null,
): Promise<LedgerEntry> {
  const version = await versionSha256(store, move.model, move.to);
  return {
    kind: 'graft.ledger/1',
    seq: current.ledgerSeq + 1,
    time: timeAfter(clock.nowMs(), last?.entry.time),
    actor: move.actor,
    action: move.action,
    alias: move.alias,
    from: current.aliases[move.alias] ?? null,
    to: move.to,
    reason: move.reason,
    previousSha256: last?.sha256 ?? null,
    evidence: { ...move.evidence, ...(version === null ? {} : { versionSha256: version }) },
  };
}

/** Now, but never before the entry before: clocks of two machines differ, the order of the ledger does not. */
function timeAfter(nowMs: number, last: string | undefined): string {
  const now = new Date(nowMs).toISOString();
  return last !== undefined && now < last ? last : now;
}

function applied(current: ModelAliases, { entry, sha256 }: StoredEntry): ModelAliases {
  const aliases = { ...current.aliases, [entry.alias]: entry.to };
  return { ...current, aliases, ledgerSeq: entry.seq, ledgerSha256: sha256 };
}
