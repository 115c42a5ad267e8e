import { expect, it } from 'vitest';
import { createPromoteActivities } from '../../activities/promote/promote.ts';
import { PromoteConfig } from '../../contracts/pipeline-config.ts';
import { asRunId } from '../../core/ids.ts';
import { createFakeClock } from '../../test/fakes/clock.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import {
  hashOf,
  putBlob,
  putDataset,
  putEvaluated,
  putGate,
  putPrepared,
  putStage,
  putTrained,
} from '../../test/fakes/stage-fixtures.ts';
import { imagesOf, modelLineage, uuidOf, whoSaw } from './lineage.ts';
import { resolveModel } from './registry.ts';

const store = createMemoryObjectStore();

/** A registered version that was trained with one picture, and tested with another. */
async function register(model: string, trainedWith: string, testedWith: string): Promise<void> {
  const { output } = await putPrepared(store, { salt: model });
  const seen = async (side: 'train' | 'test', path: string) => {
    const line = `${JSON.stringify({ path, sha256: hashOf(path) })}\n`;
    const items = await putBlob(store, `stages/prepare/${model}/${side}.jsonl`, new TextEncoder().encode(line));
    const { shards = [], rows = 0 } = output.sides[side] ?? {};
    return { rows, shards: shards.map((shard) => ({ ...shard, items })) };
  };
  const sides = { train: await seen('train', trainedWith), test: await seen('test', testedWith) };
  await createPromoteActivities({ store, clock: createFakeClock(), graftVersion: '1.2.3' }).promoteModel({
    ...{ model, promote: PromoteConfig.parse({}), requestedBy: 'ada' },
    gateManifestKey: await putGate(store, 'promote', model),
    evidence: {
      ...{ runId: asRunId(`run-${model}`), datasetName: 'pets', datasetManifestKey: await putDataset(store) },
      splitManifestKey: `stages/split/${hashOf('split')}/manifest.json`,
      prepareManifestKey: await putStage(store, 'prepare', { model }, { ...output, sides }),
      trainManifestKey: (await putTrained(store, { weights: model })).manifestKey,
      evaluateManifestKey: await putEvaluated(store, 0.9, model),
    },
  });
}

it('leads from a model to its images, and from an image to the models that saw it, and on which side', async () => {
  await register('first', 'cat/1.jpg', 'dog/2.jpg');
  await register('second', 'dog/2.jpg', 'cat/3.jpg');
  const version = await resolveModel(store, 'first');
  expect(await modelLineage(store, version)).toMatchObject({
    ...{ model: 'first', version: 1, runId: 'run-first', graftVersion: '1.2.3', images: { train: 12, test: 4 } },
    steps: [{ stage: 'split', createdAt: null }, { stage: 'prepare' }, { stage: 'train', codeVersion: 1 }, {}, {}],
    moves: [{ alias: 'champion', actor: 'ada', seq: 1 }],
  });
  const images = [];
  for await (const image of imagesOf(store, version)) images.push(image);
  expect(images.map(({ path, side }) => [path, side])).toEqual([
    ['cat/1.jpg', 'train'],
    ['dog/2.jpg', 'test'],
  ]);
  const sighted = (picture: string) =>
    whoSaw(store, picture).then(({ seen }) => seen.map(({ model, side, aliases }) => [model, side, aliases]));
  const both = [
    ['first', 'test', ['champion']],
    ['second', 'train', ['champion']],
  ];
  expect(await sighted('dog/2.jpg')).toEqual(both);
  expect(await sighted(hashOf('dog/2.jpg'))).toEqual(both);
  expect(await sighted('2.jpg')).toEqual(both);
  expect(await sighted('never.jpg')).toEqual([]);
});

it('says of which models it can no longer tell', async () => {
  const { lineage } = await resolveModel(store, 'second');
  await store.delete(`stages/prepare/${lineage.prepareKey}/manifest.json`);
  expect(await whoSaw(store, 'cat/1.jpg')).toMatchObject({ seen: [{ model: 'first' }], unknown: ['second@1'] });
});

it('makes the same valid UUID of a name every time', () => {
  expect(uuidOf('a')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(uuidOf('a')).toBe(uuidOf('a'));
  expect(uuidOf('a')).not.toBe(uuidOf('b'));
});
