/** Promotions at once on real servers: one winner, clear refusals, a ledger without gap or double. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { moveAlias } from '../../activities/promote/move-alias.ts';
import type { MoveOutcome } from '../../activities/promote/move-alias.ts';
import { checkModel, entriesOf, readLedger } from '../../infra/clients/ledger.ts';
import { asRunId } from '../../core/ids.ts';
import { unwrap } from '../../core/result.ts';
import { ensureBucket } from '../../infra/s3/ensure-bucket.ts';
import { createS3ObjectStore } from '../../infra/s3/s3-object-store.ts';
import type { S3ObjectStore } from '../../infra/s3/s3-object-store.ts';
import { systemClock } from '../../infra/system-clock.ts';
import { hashOf, metricsOf, tinyModel } from '../fakes/stage-fixtures.ts';
import { findMinio, startMinio, startVersitygw } from '../servers.ts';
import type { S3Server } from '../servers.ts';

const servers = [
  ['versitygw', startVersitygw] as const,
  ...(findMinio() === null ? [] : [['MinIO', startMinio] as const]),
];
const MODEL = 'pets';
const weights = new TextEncoder().encode('weights');

describe.each(servers)('promotions on %s', (_, start) => {
  let server: S3Server;
  let store: S3ObjectStore;

  beforeAll(async () => {
    server = await start();
    store = createS3ObjectStore(server.options('promotions'));
    unwrap(await ensureBucket(store));
    await store.put('weights', weights);
    for (let version = 1; version <= 51; version++) await putVersion(store, version);
  });
  afterAll(async () => {
    store.close();
    await server.stop();
  });

  const promote = (to: number, from: number | null): Promise<MoveOutcome> =>
    moveAlias(
      { store, clock: systemClock },
      {
        ...{ model: MODEL, alias: 'champion', action: 'promote', to, from, actor: 'ada', reason: 'better' },
        evidence: { runId: asRunId(`run-${to}`), rules: [], weightsSha256: hashOf(weights) },
      },
    );

  it('of fifty at once one wins, and forty-nine are told who', async () => {
    expect((await promote(51, null)).kind).toBe('moved');
    const outcomes = await Promise.all(Array.from({ length: 50 }, (_each, index) => promote(index + 1, 51)));
    const entries = entriesOf(await readLedger(store, MODEL));
    expect(entries.map(({ seq, from }) => [seq, from])).toEqual([
      [1, null],
      [2, 51],
    ]);
    const winner = entries[1]?.to;
    const said = outcomes.map((outcome) => (outcome.kind === 'overtaken' ? outcome.holder : outcome.kind));
    expect(said.filter((each) => each === 'moved')).toHaveLength(1);
    expect(said.filter((each) => each === winner)).toHaveLength(49);
    expect(await checkModel(store, MODEL)).toMatchObject({
      problems: [],
      pending: null,
      aliases: { champion: winner },
    });
  });
});

function putVersion(store: S3ObjectStore, version: number): Promise<string> {
  const manifest = {
    ...{ kind: 'graft.model-version/1', name: MODEL, version, createdAt: '2026-01-01T00:00:00Z', runId: 'run-1' },
    weights: { key: 'weights', sha256: hashOf(weights), sizeBytes: weights.length },
    ...{ model: tinyModel(), metrics: metricsOf(0.9) },
    lineage: {
      dataset: { name: 'd', version: 'v', manifestKey: 'k' },
      ...{ splitKey: 's', prepareKey: 'p', trainKey: 't', evaluateKey: 'e', gateKey: 'g', graftVersion: '1' },
    },
  };
  return store.put(
    `models/${MODEL}/versions/${version}/manifest.json`,
    new TextEncoder().encode(JSON.stringify(manifest)),
  );
}
