import type { LedgerEntry, ModelAliases } from '../../contracts/registry.ts';
import { transientError } from '../../core/errors.ts';
import { readAliases, readLedgerEntry, registryKeys, writeAliases } from '../lib/registry.ts';
import type { TrainPorts } from '../ports.ts';

export interface AliasMove {
  readonly model: string;
  readonly alias: string;
  readonly to: number;
  readonly actor: string;
  readonly reason: string;
  readonly evidence: LedgerEntry['evidence'];
}

type Ports = Pick<TrainPorts, 'store' | 'clock'>;

/**
 * Points an alias at a version and records who, when, from, to and why. The ledger entry is claimed first
 * (`If-None-Match: *` on the next number), then the pointer follows (`If-Match`). Killed in between, the entry stands and
 * the pointer lags: whoever comes next completes that move before its own, so ledger and pointer agree in every case.
 * False where the alias points there already.
 */
export async function moveAlias(ports: Ports, move: AliasMove): Promise<boolean> {
  for (let tries = 0; tries < 200; tries++) {
    const { value, etag } = await readAliases(ports.store, move.model);
    const pending = await readLedgerEntry(ports.store, move.model, value.ledgerSeq + 1);
    if (pending) {
      await writeAliases(ports.store, move.model, applied(value, pending), etag);
      continue;
    }
    if (value.aliases[move.alias] === move.to) return false;
    const entry = entryFor(ports, move, value);
    const body = new TextEncoder().encode(JSON.stringify(entry));
    const key = registryKeys.ledger(move.model, entry.seq);
    const claim = await ports.store.putIfAbsent(key, body, { contentType: 'application/json' });
    if (claim.kind === 'conflict') continue;
    // Whether this write or a helper's wins, it writes the same: the entry decides.
    await writeAliases(ports.store, move.model, applied(value, entry), etag);
    return true;
  }
  throw transientError(
    'REGISTRY_RACE',
    `models/${move.model}`,
    'the alias was moved by others 200 times',
    'a free moment',
  );
}

function entryFor({ clock }: Ports, move: AliasMove, current: ModelAliases): LedgerEntry {
  return {
    kind: 'graft.ledger/1',
    seq: current.ledgerSeq + 1,
    time: new Date(clock.nowMs()).toISOString(),
    actor: move.actor,
    action: 'promote',
    alias: move.alias,
    from: current.aliases[move.alias] ?? null,
    to: move.to,
    reason: move.reason,
    evidence: move.evidence,
  };
}

function applied(current: ModelAliases, entry: LedgerEntry): ModelAliases {
  return { ...current, aliases: { ...current.aliases, [entry.alias]: entry.to }, ledgerSeq: entry.seq };
}
