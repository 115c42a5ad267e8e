import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PrepareOutput } from '../../contracts/manifests.ts';
import type { PreparedImage } from '../../contracts/manifests.ts';
import { EvaluateJob, PredictJob } from '../../contracts/ml-protocol.ts';
import { DatasetConfig, PromoteConfig, SplitConfig } from '../../contracts/pipeline-config.ts';
import type { Evidence, GateResult } from '../../contracts/stages.ts';
import { asInt32 } from '../../core/checkpoint/tensor-data.ts';
import { decodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { asRunId } from '../../core/ids.ts';
import { unwrap } from '../../core/result.ts';
import { createFakeDataPorts, manyPictures } from '../../test/fakes/data-ports.ts';
import type { FakeDataPorts } from '../../test/fakes/data-ports.ts';
import { evaluates, weightsThatHit } from '../../test/fakes/scripted-evaluation.ts';
import { createScriptedMlRunner } from '../../test/fakes/scripted-ml-runner.ts';
import type { Script, ScriptedMlRunner } from '../../test/fakes/scripted-ml-runner.ts';
import { hashOf, logitsFile, putEvaluated, putTrained, tinyImage, tinyModel } from '../../test/fakes/stage-fixtures.ts';
import { fakePorts } from '../../test/fakes/train-ports.ts';
import { createIngestActivities } from '../ingest/ingest.ts';
import { readVersion } from '../lib/registry.ts';
import { requireStage } from '../lib/stage.ts';
import { createPrepareActivities } from '../prepare/prepare.ts';
import { createPromoteActivities } from '../promote/promote.ts';
import { createSplitActivities } from '../split/split.ts';
import { createGateActivities } from './gate.ts';

let data: FakeDataPorts;
let dir = '';
let shared: Pick<Evidence, 'datasetManifestKey' | 'splitManifestKey'>;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'graft-gate-'));
  data = await createFakeDataPorts(manyPictures({ cat: 50, dog: 50 }));
  const ingest = { dataset: DatasetConfig.parse({ source: 'memory' }), datasetName: 'pets', runId: asRunId('data') };
  const datasetManifestKey = (await createIngestActivities(data).ingestDataset(ingest)).output.manifestKey;
  const split = { datasetManifestKey, datasetName: 'pets', split: SplitConfig.parse({}) };
  shared = {
    datasetManifestKey,
    splitManifestKey: (await createSplitActivities(data).splitDataset(split)).manifestKey,
  };
});
afterEach(async () => {
  await data.remove();
  rmSync(dir, { recursive: true });
});

interface Candidate {
  /** What its evaluation said, and what the scripted child finds when it scores it again. */
  readonly accuracy: number;
  readonly rescored?: number;
  readonly name: string;
  readonly classes?: string[];
  readonly image?: PreparedImage;
}

async function evidenceOf({ accuracy, rescored = accuracy, name, ...model }: Candidate): Promise<Evidence> {
  const { classes = ['cat', 'dog'], image = tinyImage } = model;
  const { store } = data;
  const prepare = { ...shared, image, sides: ['train' as const, 'validation' as const, 'test' as const] };
  const trained = await putTrained(store, {
    weights: weightsThatHit(100 * rescored, name),
    model: tinyModel({ classes, image }),
  });
  const { manifestKey } = await createPrepareActivities(data).prepareImages(prepare);
  const logits = logitsFile(await testLabels(manifestKey), classes.length, Math.round(TEST_IMAGES * accuracy));
  return {
    ...shared,
    runId: asRunId(`run-${name}`),
    datasetName: 'pets',
    prepareManifestKey: manifestKey,
    trainManifestKey: trained.manifestKey,
    evaluateManifestKey: await putEvaluated(store, accuracy, name, logits),
  };
}

const TEST_IMAGES = 20;

async function testLabels(prepareManifestKey: string): Promise<number[]> {
  const { sides } = await requireStage(data.store, prepareManifestKey, PrepareOutput);
  const labels: number[] = [];
  for (const { key } of sides.test?.shards ?? []) {
    const { tensors } = unwrap(decodeSafetensors((await data.store.get(key))!.body, key));
    labels.push(...asInt32(tensors.get('labels')!));
  }
  return labels;
}

type Gate = Parameters<typeof PromoteConfig.parse>[0];

/** The gate's word on a candidate. `rescores`: how often a champion may be scored again. */
async function gateOn(
  candidate: Candidate,
  gate: Gate = {},
  rescores = 0,
  ml = createScriptedMlRunner(Array.from({ length: rescores }, () => evaluates)),
): Promise<{ gated: GateResult; ml: ScriptedMlRunner }> {
  const ports = { ...fakePorts({ store: data.store, dir, ml }), images: data.images };
  const { decidePromotion } = createGateActivities(ports);
  const promote = PromoteConfig.parse({ gate });
  return { gated: await decidePromotion({ model: 'pets', promote, evidence: await evidenceOf(candidate) }), ml };
}

/** Through gate and promotion, as a run goes. */
async function runThrough(candidate: Candidate, gate: Gate = {}, rescores = 0) {
  const { gated } = await gateOn(candidate, gate, rescores);
  const { promoteModel } = createPromoteActivities({ ...data, graftVersion: '1' });
  const promote = PromoteConfig.parse({ gate });
  const evidence = await evidenceOf(candidate);
  return promoteModel({ model: 'pets', promote, evidence, gateManifestKey: gated.manifestKey, requestedBy: 'ada' });
}

const rulesOf = (gated: GateResult): [string, boolean][] =>
  gated.output.rules.map(({ rule, passed }) => [rule, passed]);

describe('the gate', () => {
  it('looks at the floors alone where there is no champion', async () => {
    const { gated, ml } = await gateOn({ name: 'a', accuracy: 0.8 }, { minimum: { accuracy: 0.75 } });
    expect(gated.output).toMatchObject({ decision: 'promote', champion: null });
    expect(rulesOf(gated)).toEqual([
      ['minimum.accuracy', true],
      ['champion', true],
    ]);
    expect(gated.summary).toContain('promote: accuracy 0.8000 reaches the floor 0.7500');
    expect(ml.jobs).toEqual([]);
    expect((await gateOn({ name: 'b', accuracy: 0.7 }, { minimum: { accuracy: 0.75 } })).gated).toMatchObject({
      output: { decision: 'refuse' },
      summary: 'refuse: accuracy 0.7000 is below the floor 0.7500',
    });
  });

  it('scores the champion again on the challenger’s test set: what its own run once said does not count', async () => {
    await runThrough({ name: 'champion', accuracy: 0.99, rescored: 0.4 });
    const { gated, ml } = await gateOn({ name: 'b', accuracy: 0.7 }, {}, 1);
    expect(gated.output).toMatchObject({ decision: 'promote', champion: { version: 1, metrics: { accuracy: 0.4 } } });
    const job = EvaluateJob.parse(ml.jobs[0]);
    expect(job.side.rows).toBe(20);
    await runThrough({ name: 'b', accuracy: 0.7 });
    const worse = await gateOn({ name: 'c', accuracy: 0.65 }, {}, 1);
    expect(worse.gated.output.decision).toBe('refuse');
    expect(worse.gated.summary).toContain(
      'refuse: accuracy 0.6500 against 0.7000 of version 2 on the same test set (may fall by 0.0000); ',
    );
  });

  it('refuses a gain that a few images make', async () => {
    await runThrough({ name: 'champion', accuracy: 0.6 });
    const { gated } = await gateOn({ name: 'b', accuracy: 0.7 }, {}, 1);
    expect(rulesOf(gated)).toEqual([
      ['noWorseThanChampion.accuracy', true],
      ['betterThanChampion.accuracy', false],
      ['betterThanChampion.mcnemar', false],
      ['noClassWorse', true],
    ]);
    expect(gated.output.decision).toBe('refuse');
  });

  it('looks at slices of the test set by the paths of its images', async () => {
    await runThrough({ name: 'champion', accuracy: 0.3 });
    const gate = { noSliceWorse: { by: '^(cat|dog)/' } };
    const { gated } = await gateOn({ name: 'b', accuracy: 1 }, gate, 1);
    expect(gated.output.decision).toBe('promote');
    expect(gated.output.rules.at(-1)).toMatchObject({ rule: 'noSliceWorse', passed: true, numbers: { parts: 2 } });
  });

  it('measures what one image takes, where a limit asks for it, and knows the size', async () => {
    const timed: Script = ({ emit }) => {
      const batchMs = Array.from({ length: 60 }, (_, index) => (index < 10 ? 500 : 3));
      emit({ kind: 'predicted', probabilities: [], batchMs });
    };
    const limits = (latencyMs: number) => ({ limits: { latencyMs, sizeMb: 1 } });
    const candidate = { name: 'a', accuracy: 0.8 };
    const ml = createScriptedMlRunner([timed, timed]);
    const slow = await gateOn(candidate, limits(2), 0, ml);
    expect(slow.gated.output).toMatchObject({ decision: 'refuse' });
    expect(slow.gated.output.rules).toMatchObject([
      { rule: 'limits.sizeMb', passed: true },
      { rule: 'limits.latencyMs', passed: false, numbers: { value: 3, limit: 2 } },
      { rule: 'champion' },
    ]);
    expect((await gateOn(candidate, limits(3), 0, ml)).gated.output.decision).toBe('promote');
    const job = PredictJob.parse(ml.jobs[0]);
    expect(job.batchSize).toBe(1);
  });

  it('scores a champion once for a test set, whoever challenges it', async () => {
    await runThrough({ name: 'champion', accuracy: 0.6 });
    await gateOn({ name: 'b', accuracy: 0.5 }, {}, 1);
    const { gated, ml } = await gateOn({ name: 'c', accuracy: 0.9 });
    expect(gated).toMatchObject({ cached: false, output: { decision: 'promote' } });
    expect(ml.jobs).toEqual([]);
  });

  it('renders the challenger’s test pictures anew where the champion sees another size', async () => {
    const wide: PreparedImage = { heightPx: 8, widthPx: 24, channels: 1, resize: 'pad' };
    await runThrough({ name: 'champion', accuracy: 0.6, image: wide });
    const { ml } = await gateOn({ name: 'b', accuracy: 0.7 }, {}, 1);
    const { model, side } = EvaluateJob.parse(ml.jobs[0]);
    expect(model.image).toEqual(wide);
    const { tensors } = unwrap(decodeSafetensors(readFileSync(side.shards[0]!.path)));
    expect(tensors.get('images')?.shape).toEqual([20, 8, 24, 1]);
    const sides = data.store.keys().filter((key) => /^stages\/prepare\/[^/]*\/manifest\.json$/.test(key));
    const prepared = await Promise.all(sides.map((key) => requireStage(data.store, key, PrepareOutput)));
    expect(prepared.map((output) => Object.keys(output.sides).sort().join()).sort()).toEqual([
      'test',
      'test,train,validation',
      'test,train,validation',
    ]);
  });

  it('decides again where the champion or the rules are others', async () => {
    await runThrough({ name: 'champion', accuracy: 0.6 });
    const candidate = { name: 'b', accuracy: 0.9 };
    const first = await gateOn(candidate, {}, 1);
    expect((await gateOn(candidate)).gated).toEqual({ ...first.gated, cached: true });
    const rules = await gateOn(candidate, { minimum: { accuracy: 0.95 } });
    expect(rules.gated).toMatchObject({ cached: false, output: { decision: 'refuse' } });
    await runThrough({ name: 'c', accuracy: 1 });
    const champion = await gateOn(candidate, {}, 1);
    expect(champion.gated).toMatchObject({ cached: false, output: { decision: 'refuse', champion: { version: 2 } } });
  });
});

describe('a champion that can’t be compared with', () => {
  const versionKey = 'models/pets/versions/1/manifest.json';
  const challenger = { name: 'b', accuracy: 1 };
  const verdict = async (rescores = 0): Promise<string> => {
    const { output } = (await gateOn(challenger, {}, rescores)).gated;
    expect(output).toMatchObject({ decision: 'refuse', champion: { version: 1, weightsSha256: null } });
    return output.rules.find(({ rule }) => rule === 'champion')?.explanation ?? '';
  };
  const weightsKey = async (): Promise<string> => (await readVersion(data.store, 'pets', 1))!.weights.key;
  beforeEach(() => runThrough({ name: 'champion', accuracy: 0.3 }));

  it('because its manifest is gone or damaged', async () => {
    await data.store.delete(versionKey);
    expect(await verdict()).toContain('its manifest is gone');
    await data.store.put(versionKey, new TextEncoder().encode('{"kind'));
    expect(await verdict()).toContain('its manifest can’t be read');
  });

  it('because its weights are gone, cut or flipped', async () => {
    const key = await weightsKey();
    const whole = (await data.store.get(key))!.body;
    await data.store.delete(key);
    expect(await verdict()).toContain('its weights are gone');
    await data.store.put(key, whole.subarray(1));
    expect(await verdict()).toContain('its weights are cut');
    await data.store.put(
      key,
      Uint8Array.from(whole, (byte) => byte ^ 1),
    );
    expect(await verdict(1)).toContain('its weights can’t be read (STORE_CORRUPT)');
    await data.store.put(key, whole);
    expect((await gateOn(challenger, {}, 1)).gated.output.decision).toBe('promote');
  });
});

describe('a rerun of the champion', () => {
  it('finds the decision that made it champion, and changes nothing', async () => {
    const candidate = { name: 'a', accuracy: 0.8 };
    const first = (await gateOn(candidate)).gated;
    await runThrough(candidate);
    const keys = data.store.keys();
    const again = await gateOn(candidate);
    expect(again.gated).toEqual({ ...first, cached: true });
    expect(await runThrough(candidate)).toMatchObject({ cached: true, output: { version: 1, promoted: true } });
    expect(data.store.keys()).toEqual(keys);
    expect(again.ml.jobs).toEqual([]);
  });

  it('under stricter rules is judged by them, without a comparison with itself', async () => {
    const candidate = { name: 'a', accuracy: 0.8 };
    await runThrough(candidate);
    const { gated, ml } = await gateOn(candidate, { minimum: { accuracy: 0.9 } });
    expect(gated).toMatchObject({ cached: false, output: { decision: 'refuse' } });
    expect(rulesOf(gated)).toEqual([
      ['minimum.accuracy', false],
      ['champion', true],
    ]);
    expect(ml.jobs).toEqual([]);
  });
});

describe('other classes', () => {
  const renamed = { name: 'b', accuracy: 0.9, classes: ['chat', 'chien'] };

  it('are refused, or allowed, without scoring what can’t be compared', async () => {
    await runThrough({ name: 'champion', accuracy: 0.6 });
    const { gated, ml } = await gateOn(renamed);
    expect(gated.output).toMatchObject({ decision: 'refuse', champion: { version: 1, metrics: null } });
    expect(rulesOf(gated)).toEqual([['class-map', false]]);
    expect(gated.summary).toBe('refuse: the champion (version 1) knows no chat, chien and also cat, dog');
    expect(ml.jobs).toEqual([]);
    expect((await gateOn(renamed, { allowClassMapChange: true })).gated.output.decision).toBe('promote');
  });

  it('of the very same weights are other classes all the same', async () => {
    const own = { name: 'a', accuracy: 0.9 };
    await runThrough(own);
    const { gated } = await gateOn({ ...own, classes: ['dog', 'cat'] });
    expect(rulesOf(gated)).toEqual([['class-map', false]]);
    expect((await readVersion(data.store, 'pets', 1))?.weights.sha256).toBe(hashOf(weightsThatHit(90, 'a')));
  });
});
