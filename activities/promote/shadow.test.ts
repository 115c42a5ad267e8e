import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DatasetConfig } from '../../contracts/pipeline-config.ts';
import { WatchReport } from '../../contracts/watch.ts';
import type { IngestResult } from '../../contracts/stages.ts';
import { asRunId } from '../../core/ids.ts';
import { manyPictures } from '../../test/fakes/data-ports.ts';
import { mockActivity } from '../../test/fakes/mock-activity.ts';
import { weightsThatHit } from '../../test/fakes/scripted-evaluation.ts';
import { hashOf, metricsOf, putBlob, tinyModel } from '../../test/fakes/stage-fixtures.ts';
import { wholeRun } from '../../test/lib/whole-run.ts';
import type { WholeRun } from '../../test/lib/whole-run.ts';
import { createIngestActivities } from '../ingest/ingest.ts';
import { moveAlias } from './move-alias.ts';
import { createShadowActivities } from './shadow.ts';

let run: WholeRun;
afterEach(() => run.remove());

/** A version that gets so many of a hundred right, and had 90 of its test images right; it is champion then. */
async function promoted(version: number, hits: number, classes = ['cat', 'dog']): Promise<void> {
  const text = weightsThatHit(hits, `version ${version}`);
  const weights = await putBlob(run.store, `stages/train/made-up/${hashOf(text)}`, new TextEncoder().encode(text));
  const manifest = {
    ...{ kind: 'graft.model-version/1', name: 'pets', version, createdAt: '2026-01-01T00:00:00Z', runId: 'run-1' },
    ...{ weights, model: tinyModel({ classes }), metrics: metricsOf(0.9) },
    lineage: {
      dataset: { name: 'd', version: 'v', manifestKey: 'k' },
      ...{ splitKey: 's', prepareKey: 'p', trainKey: 't', evaluateKey: 'e', gateKey: 'g', graftVersion: '1' },
    },
  };
  await run.store.put(
    `models/pets/versions/${version}/manifest.json`,
    new TextEncoder().encode(JSON.stringify(manifest)),
  );
  await moveAlias(run, {
    ...{ model: 'pets', alias: 'champion', action: 'promote', to: version, actor: 'ada', reason: 'better' },
    evidence: { runId: asRunId('run-1'), rules: [], weightsSha256: weights.sha256 },
  });
}

async function watch(): Promise<WatchReport> {
  const runId = asRunId('watch-1');
  const { ingestDataset } = createIngestActivities(run);
  const dataset = DatasetConfig.parse({ source: 'memory' });
  const { output }: IngestResult = await mockActivity().run(ingestDataset, {
    dataset,
    datasetName: 'pets-watch',
    runId,
  });
  return mockActivity().run(createShadowActivities(run).shadowEvaluate, {
    ...{ watchId: runId, model: 'pets', alias: 'champion', rules: { mayFall: 0.03, confidence: 0.95 }, drift: [] },
    datasetManifestKey: output.manifestKey,
  });
}

describe('new pictures', () => {
  beforeEach(async () => {
    run = await wholeRun(manyPictures({ cat: 30, dog: 30 }));
  });

  it('are answered by the champion and the version before, all of them, and the look is kept', async () => {
    await promoted(1, 90);
    await promoted(2, 70);
    const report = await watch();
    expect(report).toMatchObject({
      ...{ version: 2, images: 60, verdict: 'roll-back' },
      accuracy: { seen: 0.7, recorded: 0.9, recordedImages: 100 },
      before: { version: 1, accuracy: 0.9, wins: 0, losses: 12, pValue: expect.closeTo(2 ** -12, 12) },
    });
    const stored = await run.store.get('models/pets/watch/watch-1.json');
    expect(WatchReport.parse(JSON.parse(new TextDecoder().decode(stored?.body)))).toEqual(report);
  });

  it('say that a first champion is worse, or fine', async () => {
    await promoted(1, 70);
    expect(await watch()).toMatchObject({ verdict: 'worse', before: null });
    await promoted(2, 90);
    expect(await watch()).toMatchObject({ verdict: 'fine', version: 2, before: { version: 1, wins: 12, losses: 0 } });
  });

  it('are not asked of a version of other classes', async () => {
    await promoted(1, 90, ['cat', 'cow', 'dog']);
    await promoted(2, 90);
    expect(await watch()).toMatchObject({ verdict: 'fine', before: null });
  });

  it('of a class that the champion does not know are refused', async () => {
    await promoted(1, 90, ['cat', 'cow']);
    await expect(watch()).rejects.toThrow(/WATCH_CLASSES: pets version 1 — it does not know dog/);
  });

  it('want a model that is in use', async () => {
    await expect(watch()).rejects.toThrow(/WATCH_NOTHING: champion of pets/);
  });
});
