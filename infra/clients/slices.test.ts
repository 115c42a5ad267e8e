import { expect, it } from 'vitest';
import { asSha256 } from '../../core/ids.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { logitsFile, metricsOf, putBlob, putPrepared, putStage, tinyModel } from '../../test/fakes/stage-fixtures.ts';
import { sliceFigures } from './slices.ts';

const store = createMemoryObjectStore();
const keyOf = (manifestKey: string): string => manifestKey.split('/')[2] ?? '';

/** Six test images, of which the first four are right. */
async function version(paths: readonly string[]): Promise<ModelVersion> {
  const { output } = await putPrepared(store);
  const lines = paths.map((path) => JSON.stringify({ path, sha256: 'a'.repeat(64) })).join('\n');
  const items = await putBlob(store, `stages/prepare/made-up/${paths.length}.jsonl`, new TextEncoder().encode(lines));
  const test = { rows: 6, shards: (output.sides.test?.shards ?? []).map((shard) => ({ ...shard, rows: 6, items })) };
  const prepared = await putStage(store, 'prepare', { paths }, { ...output, sides: { ...output.sides, test } });
  const logits = await putBlob(store, 'stages/evaluate/made-up/logits', logitsFile([0, 1, 0, 1, 0, 1], 2, 4));
  const evaluated = await putStage(store, 'evaluate', {}, { metrics: metricsOf(0.66), logits, findings: [] }, [logits]);
  return {
    ...{
      kind: 'graft.model-version/1',
      name: 'pets',
      version: 1,
      createdAt: '2026-01-01T00:00:00Z',
      runId: 'r' as never,
    },
    ...{ weights: { ...logits, sha256: asSha256('b'.repeat(64)) }, model: tinyModel(), metrics: metricsOf(0.66) },
    lineage: {
      dataset: { name: 'd', version: 'v', manifestKey: 'k' },
      ...{ splitKey: 's', prepareKey: keyOf(prepared), trainKey: 't', evaluateKey: keyOf(evaluated), gateKey: 'g' },
      graftVersion: '1',
    },
  };
}

const paths = ['cat/day-1', 'dog/day-2', 'cat/night-1', 'dog/day-3', 'cat/day-4', 'dog/dusk-1'];

it('counts the right answers of each slice; an image that the expression does not match is in none', async () => {
  expect(await sliceFigures(store, await version(paths), '(day|night)')).toEqual([
    { slice: 'day', images: 4, right: 3 },
    { slice: 'night', images: 1, right: 1 },
  ]);
});

it('has none where the list of images is another, or gone', async () => {
  expect(await sliceFigures(store, await version(paths.slice(0, 5)), '(day|night)')).toBeNull();
  const found = await version(paths);
  expect(await sliceFigures(store, { ...found, lineage: { ...found.lineage, evaluateKey: 'x' } }, '(day)')).toBeNull();
});

it.each(['(dawn)', '(', 'day'])('refuses %s', async (by) => {
  await expect(sliceFigures(store, await version(paths), by)).rejects.toMatchObject({ code: 'SLICES', kind: 'input' });
});
