import { describe, expect, it } from 'vitest';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { listModels, readModel, resolveModel } from './registry.ts';

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const HASH = 'b'.repeat(64);

function version(name: string, number: number) {
  return {
    kind: 'graft.model-version/1',
    name,
    version: number,
    createdAt: '2026-11-24T10:15:00Z',
    runId: 'digits-1',
    weights: { key: 'w', sha256: HASH, sizeBytes: 1 },
    model: {
      backbone: 'tiny-cnn',
      strategy: 'full',
      classes: ['a', 'b'],
      image: { heightPx: 32, widthPx: 32, channels: 3, resize: 'stretch' },
      normalization: 'minus1-to-1',
      dropout: 0,
    },
    metrics: {
      images: 1,
      loss: 0,
      accuracy: 1,
      top5: 1,
      macroPrecision: 1,
      macroRecall: 1,
      macroF1: 1,
      perClass: [],
      confusion: [],
    },
    lineage: {
      dataset: { name: 'd', version: 'v', manifestKey: 'k' },
      splitKey: 's',
      prepareKey: 'p',
      trainKey: 't',
      evaluateKey: 'e',
      gateKey: 'g',
      graftVersion: '0',
    },
  };
}

async function registry() {
  const store = createMemoryObjectStore();
  for (const number of [1, 2, 10]) {
    await store.put(`models/digits/versions/${number}/manifest.json`, json(version('digits', number)));
  }
  await store.put('models/cats/versions/1/manifest.json', json(version('cats', 1)));
  await store.put(
    'models/digits/aliases.json',
    json({ kind: 'graft.aliases/1', aliases: { champion: 2 }, ledgerSeq: 1 }),
  );
  return store;
}

describe('the registry', () => {
  it('lists models, and versions by number', async () => {
    expect(await listModels(await registry())).toEqual(['cats', 'digits']);
    const model = await readModel(await registry(), 'digits');
    expect(model.versions.map((found) => found.version)).toEqual([1, 2, 10]);
    expect(model.aliases).toEqual({ champion: 2 });
  });

  it.each([
    ['digits', 2],
    ['digits@champion', 2],
    ['digits@10', 10],
    ['cats@1', 1],
  ])('%s is version %i', async (reference, number) => {
    expect((await resolveModel(await registry(), reference)).version).toBe(number);
  });

  it.each([
    ['digit', /^MODEL_NOT_FOUND: digit — no such model — .* — did you mean digits\?/],
    ['birds', /^MODEL_NOT_FOUND: birds — .*one of cats, digits/],
    ['../x', /^MODEL_NOT_FOUND/],
    ['cats', /^MODEL_VERSION: cats — cats has no champion — .* — versions: 1; aliases: none — write cats@1/],
    ['digits@3', /^MODEL_VERSION: digits@3 — digits has no 3 — .*versions: 1, 2, 10; aliases: champion/],
    ['digits@', /^MODEL_VERSION/],
    ['digits@toString', /^MODEL_VERSION/],
  ])('%s is refused with what there is', async (reference, message) => {
    await expect(resolveModel(await registry(), reference)).rejects.toThrowError(message);
  });

  it('says where a manifest is of another form', async () => {
    const store = await registry();
    await store.put('models/digits/versions/2/manifest.json', json({ kind: 'graft.model-version/9' }));
    await expect(resolveModel(store, 'digits')).rejects.toThrowError(/^REGISTRY_FORMAT: models\/digits\/versions\/2\//);
  });
});
