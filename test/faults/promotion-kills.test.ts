/** Promotions and rollbacks by processes that are killed (SIGKILL) before an operation of theirs, on real servers. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPromoteActivities } from '../../activities/promote/promote.ts';
import { readAliases } from '../../activities/lib/registry.ts';
import { PromoteConfig } from '../../contracts/pipeline-config.ts';
import type { PromoteInput } from '../../contracts/stages.ts';
import { asRunId } from '../../core/ids.ts';
import { unwrap } from '../../core/result.ts';
import { checkModel, entriesOf, readLedger } from '../../infra/clients/ledger.ts';
import { ensureBucket } from '../../infra/s3/ensure-bucket.ts';
import { createS3ObjectStore } from '../../infra/s3/s3-object-store.ts';
import type { S3ObjectStore } from '../../infra/s3/s3-object-store.ts';
import { systemClock } from '../../infra/system-clock.ts';
import { hashOf, putDataset, putEvaluated, putGate, putPrepared, putTrained } from '../fakes/stage-fixtures.ts';
import { findMinio, startMinio, startVersitygw } from '../servers.ts';
import type { S3Server } from '../servers.ts';

const servers = [
  ['versitygw', startVersitygw] as const,
  ...(findMinio() === null ? [] : [['MinIO', startMinio] as const]),
];
const script = fileURLToPath(new URL('../lib/promotion-process.ts', import.meta.url));

/** More operations than either has: the last process is not killed, and that ends the test. */
const AT_MOST = 60;
/** A process takes seconds to start: each fifth operation, or each (GRAFT_FAULT_EVERY_STEP=1). */
const STRIDE = process.env['GRAFT_FAULT_EVERY_STEP'] === '1' ? 1 : 5;

describe.each(servers)('killed before each operation on %s', (_, start) => {
  let server: S3Server;
  let store: S3ObjectStore;

  beforeAll(async () => {
    server = await start();
    store = createS3ObjectStore(server.options('kills'));
    unwrap(await ensureBucket(store));
  });
  afterAll(async () => {
    store.close();
    await server.stop();
  });

  /** How many operations it took; null where it was killed. */
  const play = (job: object): Promise<number | null> =>
    new Promise((resolve, reject) => {
      const given = JSON.stringify({ store: server.options('kills'), ...job });
      execFile(process.execPath, ['--import', 'tsx', script, given], (error, stdout) => {
        if (error?.signal === 'SIGKILL') resolve(null);
        else if (error) reject(error);
        else resolve(Number(stdout));
      });
    });

  /** Pointer, ledger and versions agree, but for one entry that the pointer has yet to follow. */
  async function agrees(model: string, pendingAllowed: boolean): Promise<void> {
    const { problems, pending } = await checkModel(store, model);
    expect({ model, problems }).toEqual({ model, problems: [] });
    if (!pendingAllowed) expect(pending).toBeNull();
  }

  async function inputOf(model: string, weights: string, against?: number): Promise<PromoteInput> {
    return {
      ...{ model, promote: PromoteConfig.parse({}), requestedBy: 'ada' },
      gateManifestKey: await putGate(store, 'promote', `${model}${weights}`, against),
      evidence: {
        ...{ runId: asRunId(`run-${weights}`), datasetName: 'pets', datasetManifestKey: await putDataset(store) },
        splitManifestKey: `stages/split/${hashOf('split')}/manifest.json`,
        prepareManifestKey: (await putPrepared(store)).manifestKey,
        trainManifestKey: (await putTrained(store, { weights })).manifestKey,
        evaluateManifestKey: await putEvaluated(store, 0.9, weights),
      },
    };
  }

  const promoteHere = (input: PromoteInput) =>
    createPromoteActivities({ store, clock: systemClock, graftVersion: '0.0.0-test' }).promoteModel(input);

  it('a promotion is done once it is tried again, once, whatever it was killed at', async () => {
    let killed = 0;
    for (let killAt = 1; killAt <= AT_MOST; killAt += STRIDE) {
      const model = `promoted-${killAt}`;
      await promoteHere(await inputOf(model, 'a'));
      const promote = await inputOf(model, 'b', 1);
      const operations = await play({ killAt, promote });
      if (operations === null) killed++;
      await agrees(model, operations === null);
      expect((await promoteHere(promote)).output).toMatchObject({ version: 2, promoted: true });
      await agrees(model, false);
      expect(entriesOf(await readLedger(store, model)).map(({ seq, to }) => [seq, to])).toEqual([
        [1, 1],
        [2, 2],
      ]);
      if (operations !== null) break;
    }
    expect(killed * STRIDE).toBeGreaterThan(10);
    expect(killed).toBeLessThan(AT_MOST);
  }, 600_000);

  it('a rollback is done once it is tried again, once, whatever it was killed at', async () => {
    const change = (model: string) => ({
      ...{ requestId: 'request', model, alias: 'champion', action: 'rollback', to: 1, actor: 'ada', reason: 'worse' },
      ...{ allowClassMapChange: false, skipCheck: true },
    });
    let killed = 0;
    for (let killAt = 1; killAt <= AT_MOST; killAt += STRIDE) {
      const model = `rolled-${killAt}`;
      await promoteHere(await inputOf(model, 'a'));
      await promoteHere(await inputOf(model, 'b', 1));
      const operations = await play({ killAt, change: change(model) });
      if (operations === null) killed++;
      await agrees(model, operations === null);
      await play({ change: change(model) });
      await agrees(model, false);
      expect((await readAliases(store, model)).value.aliases['champion']).toBe(1);
      expect(entriesOf(await readLedger(store, model)).map(({ seq, action }) => [seq, action])).toEqual([
        [1, 'promote'],
        [2, 'promote'],
        [3, 'rollback'],
      ]);
      if (operations !== null) break;
    }
    expect(killed * STRIDE).toBeGreaterThan(5);
    expect(killed).toBeLessThan(AT_MOST);
  }, 600_000);
});
