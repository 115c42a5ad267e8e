import { expect, it } from 'vitest';
import type { EvaluateOutput } from '../../contracts/manifests.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { logitsFile, metricsOf, putBlob, putPrepared } from '../../test/fakes/stage-fixtures.ts';
import { readTested, slicesStory } from './tested.ts';

const store = createMemoryObjectStore();

/** Four test images, of which the first three are right. */
async function world() {
  const { output } = await putPrepared(store);
  const paths = ['cat/day-1', 'dog/night-2', 'cat/day-3', 'dog/day-4'];
  const lines = paths.map((path) => `${JSON.stringify({ path, sha256: 'a'.repeat(64) })}\n`).join('');
  const items = await putBlob(store, 'stages/prepare/made-up/items.jsonl', new TextEncoder().encode(lines));
  const shards = (output.sides.test?.shards ?? []).map((shard) => ({ ...shard, items }));
  const prepared = { ...output, sides: { ...output.sides, test: { rows: 4, shards } } };
  const logits = await putBlob(store, 'stages/evaluate/made-up/logits', logitsFile([0, 1, 0, 1], 2, 3));
  const evaluated: EvaluateOutput = { metrics: metricsOf(0.75), logits, findings: [] };
  return { prepared, evaluated };
}

it('counts the right answers of the gate’s slices for the report', async () => {
  const { prepared, evaluated } = await world();
  const tested = await readTested(store, evaluated, prepared);
  expect(slicesStory(evaluated, tested, '(day|night)')).toEqual({
    ...{ kind: 'paths', by: '(day|night)' },
    figures: [
      { slice: 'day', images: 3, right: 2 },
      { slice: 'night', images: 1, right: 1 },
    ],
  });
  expect(slicesStory(evaluated, tested, null)).toBeNull();
});

it('has none where the answers are gone; of a detector those of its attributes', async () => {
  const { prepared, evaluated } = await world();
  await store.delete(evaluated.logits.key);
  const tested = await readTested(store, evaluated, prepared);
  expect(slicesStory(evaluated, tested, '(day|night)')).toBeNull();
  const perAttribute = [{ attribute: 'weather', value: 'rainy', images: 2, objects: 3, AP: 0.4, AP50: 0.7 }];
  const detector = { ...evaluated, detection: { metrics: { perAttribute } } } as unknown as EvaluateOutput;
  expect(slicesStory(detector, tested, null)).toEqual({ kind: 'attributes', figures: perAttribute });
});
