import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPipelineFile } from './load.ts';

/** Every form that docs/bring-your-own-weights.md lists may stand in a pipeline file. */
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'graft-weights-'));
  mkdirSync(join(folder, 'images'));
  mkdirSync(join(folder, 'saved', 'variables'), { recursive: true });
  for (const name of ['a.h5', 'a.keras', 'a.pt', 'model.json', 'slim.ckpt.index', 'plain']) {
    writeFileSync(join(folder, name), 'x');
  }
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function weightsOf(weights: string): Promise<string> {
  const path = join(folder, 'graft.yaml');
  writeFileSync(path, `name: a\ndataset: { source: images }\nmodel: { weights: ${weights}, strategy: full }\n`);
  const loaded = await loadPipelineFile(path);
  return loaded.ok ? loaded.value.config.model.weights : loaded.error.message;
}

describe('model.weights', () => {
  it.each(['a.h5', 'a.keras', 'a.pt', 'model.json', './plain', 'slim.ckpt', 'slim.ckpt.index', './saved'])(
    '%s is a path relative to the file',
    async (weights) => {
      expect(await weightsOf(weights)).toBe(join(folder, weights));
    },
  );

  it.each([
    ['./images', /^WEIGHTS_MISSING: .*images is a folder, and no SavedModel/],
    ['gone.h5', /^WEIGHTS_MISSING: .*gone\.h5: not there/],
    ['imagnet', /^CONFIG_VALUE: .*did you mean imagenet\?/],
  ])('%s is refused', async (weights, message) => {
    expect(await weightsOf(weights)).toMatch(message);
  });
});
