import { beforeEach, describe, expect, it } from 'vitest';
import type { GateOutput } from '../../contracts/manifests.ts';
import { PromoteConfig } from '../../contracts/pipeline-config.ts';
import { ModelVersion } from '../../contracts/registry.ts';
import type { PromoteInput } from '../../contracts/stages.ts';
import { asRunId } from '../../core/ids.ts';
import { createFakeClock } from '../../test/fakes/clock.ts';
import { createKillSwitch, survives } from '../../test/fakes/kill-switch.ts';
import type { KillSwitch } from '../../test/fakes/kill-switch.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import type { MemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import {
  hashOf,
  putDataset,
  putEvaluated,
  putGate,
  putPrepared,
  putTrained,
  tinyModel,
} from '../../test/fakes/stage-fixtures.ts';
import { listVersions, readAliases, readLedgerEntry, readVersion } from '../lib/registry.ts';
import { createPromoteActivities } from './promote.ts';

let kill: KillSwitch;
let store: MemoryObjectStore;
beforeEach(() => {
  kill = createKillSwitch();
  store = createMemoryObjectStore({ before: kill.before });
});

/** Everything a run leaves behind before its promotion. */
async function runOf(
  weights: string,
  decision: GateOutput['decision'],
  options: { classes?: string[]; runId?: string; against?: number } = {},
): Promise<PromoteInput> {
  const { classes = ['cat', 'dog'], runId = `run-${weights}`, against = await championNow() } = options;
  const datasetManifestKey = await putDataset(store);
  return {
    model: 'pets',
    promote: PromoteConfig.parse({}),
    requestedBy: 'ada',
    gateManifestKey: await putGate(store, decision, weights, against),
    evidence: {
      runId: asRunId(runId),
      datasetName: 'pets',
      datasetManifestKey,
      splitManifestKey: `stages/split/${hashOf('split')}/manifest.json`,
      prepareManifestKey: (await putPrepared(store, { classes })).manifestKey,
      trainManifestKey: (await putTrained(store, { weights, model: tinyModel({ classes }) })).manifestKey,
      evaluateManifestKey: await putEvaluated(store, 0.9, weights),
    },
  };
}

const promote = (input: PromoteInput) =>
  createPromoteActivities({ store, clock: createFakeClock(), graftVersion: '1.2.3' }).promoteModel(input);
const championNow = async (): Promise<number | undefined> =>
  (await readAliases(store, 'pets')).value.aliases['champion'];

describe('promotion', () => {
  it('registers the version with all that explains it, and moves the alias', async () => {
    const input = await runOf('a', 'promote');
    expect(await promote(input)).toMatchObject({
      stage: 'promote',
      cached: false,
      summary: 'pets version 1 is champion',
      output: { model: 'pets', version: 1, promoted: true, alias: 'champion' },
    });
    const version = ModelVersion.parse(await readVersion(store, 'pets', 1));
    expect(version).toMatchObject({
      runId: 'run-a',
      weights: { sha256: hashOf('a') },
      model: { classes: ['cat', 'dog'], normalization: 'minus1-to-1' },
      metrics: { accuracy: 0.9 },
      lineage: {
        dataset: { name: 'pets', manifestKey: input.evidence.datasetManifestKey },
        splitKey: hashOf('split'),
        graftVersion: '1.2.3',
      },
    });
    for (const stage of ['train', 'evaluate', 'prepare', 'gate'] as const) {
      const key = version.lineage[`${stage}Key`];
      expect(store.keys()).toContain(`stages/${stage}/${key}/manifest.json`);
    }
    expect(await readLedgerEntry(store, 'pets', 1)).toMatchObject({
      actor: 'ada',
      reason: 'gate passed in run run-a',
      evidence: { runId: 'run-a', weightsSha256: hashOf('a') },
    });
  });

  it('that a person approved says so in the ledger; one that was rejected leaves the alias', async () => {
    const verdict = { round: 1, reason: 'looked at it', via: 'link', at: '2026-01-01T00:00:00.000Z' } as const;
    const approved = { ...verdict, outcome: 'approved', promote: true, by: 'anna@clinic.org' } as const;
    await promote({ ...(await runOf('a', 'promote')), approval: approved });
    expect(await readLedgerEntry(store, 'pets', 1)).toMatchObject({
      actor: 'anna@clinic.org',
      reason: 'gate passed in run run-a; approved by anna@clinic.org: looked at it',
      evidence: { by: 'gate', approval: approved },
    });
    const rejected = { ...verdict, outcome: 'rejected', promote: false, by: 'ben' } as const;
    const answer = await promote({ ...(await runOf('b', 'promote')), approval: rejected });
    expect(answer.output).toMatchObject({ version: 2, promoted: false });
    expect(await championNow()).toBe(1);
  });

  it('that the gate refused registers the version and leaves the alias', async () => {
    await promote(await runOf('a', 'promote'));
    expect(await promote(await runOf('b', 'refuse'))).toMatchObject({
      cached: false,
      summary: 'pets version 2 is kept, champion stays version 1',
      output: { version: 2, promoted: false },
    });
    expect(await championNow()).toBe(1);
    expect(await promote(await runOf('c', 'refuse'))).toMatchObject({ output: { version: 3, promoted: false } });
  });

  it('of a first model that the gate refused leaves the alias empty', async () => {
    expect(await promote(await runOf('a', 'refuse'))).toMatchObject({
      summary: 'pets version 1 is kept, champion stays empty',
    });
  });

  it('of the same weights is the same version, and nothing new the second time', async () => {
    const input = await runOf('a', 'promote');
    await promote(input);
    const rerun = await runOf('a', 'promote', { runId: 'another-run' });
    const keys = store.keys();
    expect(await promote(input)).toMatchObject({ cached: true, output: { version: 1, promoted: true } });
    expect(await promote(rerun)).toMatchObject({ cached: true, output: { version: 1, promoted: true } });
    expect(store.keys()).toEqual(keys);
  });

  it('of a version that was refused before moves the alias to it', async () => {
    await promote(await runOf('a', 'refuse'));
    expect(await promote(await runOf('a', 'promote'))).toMatchObject({
      cached: false,
      output: { version: 1, promoted: true },
    });
    expect(await championNow()).toBe(1);
  });

  it('that another one overtook says who is champion now', async () => {
    const [slow, fast] = [await runOf('a', 'promote'), await runOf('b', 'promote', { against: 1 })];
    let overtaken = false;
    const { before } = kill;
    const watched: MemoryObjectStore = {
      ...store,
      get: async (key, options) => {
        // Its last look at the aliases, after its own move.
        if (!overtaken && key.endsWith('aliases.json') && (await championNow()) === 1) {
          overtaken = true;
          await promote(fast);
        }
        await before('get', key);
        return store.get(key, options);
      },
    };
    const { promoteModel } = createPromoteActivities({ store: watched, clock: createFakeClock(), graftVersion: '1' });
    expect(await promoteModel(slow)).toMatchObject({
      summary: 'pets version 1 is kept, champion stays version 2',
      output: { version: 1, promoted: false },
    });
  });

  it('of the same weights under other class names is another version', async () => {
    await promote(await runOf('a', 'promote'));
    await promote(await runOf('a', 'promote', { classes: ['chat', 'chien'] }));
    expect(await listVersions(store, 'pets')).toEqual([1, 2]);
  });

  it('at once gives every model a number of its own, equal ones the same, and one of them the alias', async () => {
    const inputs = await Promise.all(['a', 'b', 'c', 'd', 'a', 'b'].map((weights) => runOf(weights, 'promote')));
    const outputs = (await Promise.all(inputs.map(promote))).map(({ output }) => output);
    const versions = outputs.map(({ version }) => version);
    const champion = await championNow();
    for (const { version, promoted, overtakenBy } of outputs) {
      expect([promoted, overtakenBy]).toEqual(version === champion ? [true, undefined] : [false, champion]);
    }
    expect(store.keys().filter((key) => key.includes('/ledger/'))).toHaveLength(1);
    expect(versions.slice(4)).toEqual(versions.slice(0, 2));
    expect(versions.slice(0, 4).sort()).toEqual([1, 2, 3, 4]);
  });

  it('numbers beyond nine go on in order', async () => {
    for (let index = 1; index <= 11; index++) await promote(await runOf(`w${index}`, 'promote'));
    expect(await listVersions(store, 'pets')).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(await championNow()).toBe(11);
  });

  it('killed after any operation is completed by the next try, once', async () => {
    let done = false;
    for (let operations = 0; !done; operations++) {
      kill = createKillSwitch();
      store = createMemoryObjectStore({ before: kill.before });
      await promote(await runOf('a', 'promote'));
      const input = await runOf('b', 'promote');
      kill.arm(operations);
      done = await survives(promote(input));
      kill.disarm();
      expect((await promote(input)).output).toMatchObject({ version: 2, promoted: true });
      expect(await listVersions(store, 'pets')).toEqual([1, 2]);
      expect(await championNow()).toBe(2);
      expect(store.keys().filter((key) => key.includes('/ledger/'))).toHaveLength(2);
    }
  });

  it('without what its run wrote fails at once and says so', async () => {
    const input = await runOf('a', 'promote');
    await store.delete(input.evidence.datasetManifestKey);
    await expect(promote(input)).rejects.toMatchObject({ type: 'STAGE_MISSING', nonRetryable: true });
    expect(await listVersions(store, 'pets')).toEqual([]);
  });
});
