import { expect, it } from 'vitest';
import { ApprovalReport } from '../../contracts/approval.ts';
import { PromoteConfig } from '../../contracts/pipeline-config.ts';
import { asRunId } from '../../core/ids.ts';
import { createFakeClock } from '../../test/fakes/clock.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import {
  hashOf,
  putDataset,
  putEvaluated,
  putGate,
  putPrepared,
  putTrained,
  tinyModel,
} from '../../test/fakes/stage-fixtures.ts';
import { createApprovalActivities } from './approval.ts';
import { createPromoteActivities } from './promote.ts';

const store = createMemoryObjectStore();
const ports = { store, clock: createFakeClock(), graftVersion: '1.2.3' };
const { prepareApproval, recordApproval } = createApprovalActivities(ports);

async function asking(weights: string, against?: number) {
  const classes = ['cat|tom', 'dog'];
  return {
    model: 'pets',
    promote: PromoteConfig.parse({ approval: 'manual' }),
    requestedBy: 'ada',
    round: 1,
    gateManifestKey: await putGate(store, 'promote', weights, against),
    evidence: {
      ...{ runId: asRunId(`run-${weights}`), datasetName: 'pets', datasetManifestKey: await putDataset(store) },
      splitManifestKey: `stages/split/${hashOf('split')}/manifest.json`,
      prepareManifestKey: (await putPrepared(store, { classes })).manifestKey,
      trainManifestKey: (await putTrained(store, { weights, model: tinyModel({ classes }) })).manifestKey,
      evaluateManifestKey: await putEvaluated(store, 0.9, weights),
    },
  };
}

it('stores the comparison as JSON and for people, and asks nobody about what holds the alias already', async () => {
  const first = await asking('a');
  const asked = await prepareApproval(first);
  expect(asked).toEqual({ reportKey: 'runs/run-a/approval/1.json', pageKey: 'runs/run-a/approval/1.md' });
  const read = async (key: string) => new TextDecoder().decode((await store.get(key))?.body);
  const report = ApprovalReport.parse(JSON.parse(await read('runs/run-a/approval/1.json')));
  expect(report).toMatchObject({ runId: 'run-a', champion: null, challenger: { metrics: { accuracy: 0.9 } } });
  expect(await read('runs/run-a/approval/1.md')).toContain('# May run run-a become champion of pets?');

  await createPromoteActivities(ports).promoteModel(first);
  expect(await prepareApproval(first)).toBeNull();
  expect(await prepareApproval(await asking('b', 1))).not.toBeNull();
  expect(await read('runs/run-b/approval/1.md')).toContain('Compared with version 1');
});

it('keeps the verdict', async () => {
  const verdict = {
    ...({ round: 2, outcome: 'rejected', promote: false, by: 'ben', reason: 'dogs', via: 'command' } as const),
    at: '2026-01-01T00:00:00.000Z',
  };
  const record = {
    kind: 'graft.approval/1',
    runId: asRunId('run-a'),
    model: 'pets',
    alias: 'champion',
    verdict,
  } as const;
  await recordApproval(record);
  const found = await store.get('runs/run-a/approval/2-verdict.json');
  expect(JSON.parse(new TextDecoder().decode(found?.body))).toEqual(record);
});
