/** What is done again after an edit, and what `graft cache explain` says of it: all stages, with real activities. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StageManifest } from '../../contracts/manifests.ts';
import type { StageSummary } from '../../contracts/run.ts';
import { explainCache } from '../../infra/clients/cache.ts';
import { manyPictures, pictureText } from '../../test/fakes/data-ports.ts';
import { runStages, wholeRun } from '../../test/lib/whole-run.ts';
import type { WholeRun } from '../../test/lib/whole-run.ts';
import { stageKey, stageManifestKey } from './stage.ts';

const FILE = `
name: pets
dataset: { source: memory, split: { seed: 1 } }
image: { size: [16, 16] }
model: { backbone: tiny-cnn, weights: random, strategy: scratch }
train: { epochs: 5, batchSize: 32, seed: 1, optimizer: { kind: adam, learningRate: 0.001 } }
promote: { gate: { minimum: { accuracy: 0.5 } } }
`;

let run: WholeRun;
let before: StageSummary[];
beforeEach(async () => {
  run = await wholeRun(manyPictures({ cat: 30, dog: 30 }));
  before = await runStages(run, FILE, 'before');
}, 60_000);
afterEach(() => run.remove());

/** What changes between two runs: the file, the data, the store, or the machine. */
type Edit = (yaml: string) => string | Promise<string>;
const set =
  (from: string, to: string): Edit =>
  (yaml) => {
    expect(yaml).toContain(from);
    return yaml.replace(from, to);
  };
const data =
  (change: (files: Map<string, string>) => void): Edit =>
  (yaml) => {
    change(run.source.files);
    return yaml;
  };
const machine =
  (change: (ports: { ml: { defaultThreads: number }; images: { name: string } }) => void): Edit =>
  (yaml) => {
    change(run);
    return yaml;
  };
const manifestKeyOf = (stage: string): string => before.find(({ name }) => name === stage)?.manifestKey ?? '';

/** As if an older version of a stage's code had made its result. */
const olderCode =
  (stage: 'evaluate' | 'validate'): Edit =>
  async (yaml) => {
    const found = await run.store.get(manifestKeyOf(stage));
    const manifest = StageManifest.parse(JSON.parse(new TextDecoder().decode(found?.body)));
    const codeVersion = manifest.codeVersion - 1 || 99;
    const key = stageKey(stage, codeVersion, manifest.addressedBy);
    const older = new TextEncoder().encode(JSON.stringify({ ...manifest, codeVersion, key }));
    await run.store.put(stageManifestKey(stage, key), older);
    await run.store.delete(manifestKeyOf(stage));
    return yaml;
  };
const losePart =
  (stage: string): Edit =>
  async (yaml) => {
    const found = await run.store.get(manifestKeyOf(stage));
    const { parts } = StageManifest.parse(JSON.parse(new TextDecoder().decode(found?.body)));
    await run.store.delete(parts[0]!.key);
    return yaml;
  };

type Why = Readonly<Record<string, string>>;
const trained = { evaluate: 'weightsSha256', gate: 'challenger evaluation' };
const rendered = { train: 'prepared.*', evaluate: 'test.*? weightsSha256?', gate: 'evaluation challenger?' };
const resized = {
  train: 'prepared.* model.image.heightPx',
  evaluate: 'test.* model.image.heightPx weightsSha256?',
};
const otherData = { validate: 'dataset', split: 'dataset parent', prepare: 'dataset assignments' };

/** Stage by stage, the fields (or the reason) that made it a miss; the stages that are not named are hits. */
const edits: readonly (readonly [string, Edit, Why])[] = [
  ['nothing', (yaml) => yaml, {}],
  ['a comment', (yaml) => `# tuned by hand\n${yaml}`, {}],
  ['the order of the keys', (yaml) => yaml.trim().split('\n').reverse().join('\n'), {}],
  ['a default that is written out', set('split: { seed: 1 }', 'split: { seed: 1, test: 0.2, stratify: true }'), {}],
  ['the order of the files', data((files) => reordered(files)), {}],
  ['the number of workers', set('source: memory', 'source: memory, workers: 4'), {}],
  ['how often a checkpoint is written', set('epochs: 5', 'epochs: 5, checkpoint: { everySteps: 7 }'), {}],
  ['the memory limit', set('epochs: 5', 'epochs: 5, memoryLimitMb: 4000'), {}],
  ['who is told, and who approves', set('promote: {', 'promote: { approval: manual,'), {}],
  [
    'a picture more',
    data((files) => files.set('cat/new.png', pictureText('a new cat'))),
    { ingest: 'listing files', ...otherData, ...rendered },
  ],
  [
    'a picture’s bytes',
    data((files) => files.set('cat/0.png', pictureText('another cat'))),
    { ingest: 'listing', ...otherData, ...rendered },
  ],
  [
    'a picture’s label',
    data((files) => relabelled(files)),
    { ingest: 'listing', ...otherData, prepare: 'dataset', ...rendered },
  ],
  [
    'the seed of the split',
    set('split: { seed: 1 }', 'split: { seed: 2 }'),
    { split: 'seed', prepare: 'assignments', ...rendered },
  ],
  [
    'the size of the images',
    set('size: [16, 16]', 'size: [24, 16]'),
    { validate: 'target.heightPx', prepare: 'image.heightPx', ...rendered, ...resized },
  ],
  ['the batch size', set('batchSize: 32', 'batchSize: 16'), { train: 'train.batchSize', ...trained }],
  ['the learning rate', set('0.001', '0.002'), { train: 'train.optimizer.learningRate', ...trained }],
  ['the seed of the training', set('seed: 1, optimizer', 'seed: 2, optimizer'), { train: 'train.seed', ...trained }],
  [
    'augmentation',
    set('image:', 'augment: { flipHorizontal: 0.5 }\nimage:'),
    { train: 'augment.flipHorizontal', ...trained },
  ],
  ['a floor of the gate', set('accuracy: 0.5', 'accuracy: 0.6'), { gate: 'rules.minimum.accuracy' }],
  ['the number of threads', machine((ports) => (ports.ml.defaultThreads = 4)), { train: 'threads' }],
  ['the library that decodes', machine((ports) => (ports.images.name = 'other')), { prepare: 'decoder' }],
  ['the code of a stage', olderCode('evaluate'), { evaluate: 'codeVersion' }],
  ['a part that is lost', losePart('evaluate'), { evaluate: 'parts-gone' }],
  ['a stage that is bypassed', set('name: pets', 'name: pets\ncache: { bypass: [train] }'), { train: 'bypassed' }],
  [
    'a result that is too old',
    set('name: pets', 'name: pets\ncache: { maxAgeDays: { evaluate: 0.01 } }'),
    { evaluate: 'expired' },
  ],
  ['a result that is old enough', set('name: pets', 'name: pets\ncache: { maxAgeDays: { evaluate: 30 } }'), {}],
];

function reordered(files: Map<string, string>): void {
  const entries = [...files].reverse();
  files.clear();
  for (const [path, text] of entries) files.set(path, text);
}

function relabelled(files: Map<string, string>): void {
  const text = files.get('cat/0.png')!;
  files.delete('cat/0.png');
  files.set('dog/moved.png', text);
}

describe('after an edit of', () => {
  it('the first run everything is done, and was never done before', async () => {
    expect(before.map(({ cached }) => cached)).toEqual(before.map(() => false));
    const explained = await explainCache(run.store, before);
    expect(explained.map(({ reason }) => reason)).toEqual(before.map(() => 'first'));
  });

  it.each(edits)('%s', async (_, edit, why) => {
    const after = await runStages(run, await edit(FILE), 'after');
    const explained = await explainCache(run.store, after);
    const missed = after.filter(({ cached }) => !cached).map(({ name }) => name);
    expect(missed.sort()).toEqual(Object.keys(why).sort());
    for (const { stage, cached, reason, changes, text } of explained) {
      const wanted = why[stage];
      expect(text).not.toBe('');
      if (wanted === undefined) expect([stage, cached, reason]).toEqual([stage, true, 'same']);
      else if (reason !== 'changed') expect([stage, reason]).toEqual([stage, wanted]);
      else expectFields(stage, changes, wanted.split(' '));
    }
  });
});

/** Every field that changed is one of those, and each of those changed; `?` behind a name: it may have. */
function expectFields(stage: string, changes: readonly { field: string }[], wanted: readonly string[]): void {
  const isField = (name: string, field: string): boolean =>
    name.endsWith('*') ? field.startsWith(name.slice(0, -2)) : name === field;
  const unforeseen = changes.filter(({ field }) => !wanted.some((name) => isField(name.replace('?', ''), field)));
  const absent = wanted.filter((name) => !name.endsWith('?') && !changes.some(({ field }) => isField(name, field)));
  expect({ stage, unforeseen, absent }).toEqual({ stage, unforeseen: [], absent: [] });
}
