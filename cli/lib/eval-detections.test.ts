import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createOutput } from '../output.ts';
import { evalDetections } from './eval-detections.ts';

let dir: string;
const file = async (name: string, text: string): Promise<string> => {
  const path = join(dir, name);
  await writeFile(path, text);
  return path;
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'graft-eval-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const truth = JSON.stringify({
  images: [{ id: 1 }, { id: 2 }],
  categories: [
    { id: 1, name: 'cat' },
    { id: 3, name: 'dog' },
  ],
  annotations: [{ image_id: 1, category_id: 1, bbox: [10, 10, 50, 50], area: 2500, iscrowd: 0 }],
});

async function evaluate(detections: string, against?: string): Promise<unknown> {
  const stdout = new PassThrough();
  const output = createOutput({ json: true, stdout, stderr: new PassThrough() });
  const files = { detections: await file('dets.json', detections), groundTruth: await file('gt.json', truth) };
  await evalDetections({ ...files, against: against && (await file('other.json', against)) }, output);
  return JSON.parse(String(stdout.read()));
}

test('one JSON document with COCO’s and VOC’s figures, absent ones −1', async () => {
  const found = await evaluate('[{"image_id":1,"category_id":1,"bbox":[10,10,50,50],"score":0.9}]');
  // pycocotools keeps the divisor of precision from zero by adding 2⁻⁵², so a perfect figure is a hair below 1.
  const one: unknown = expect.closeTo(1, 12);
  expect(found).toMatchObject({ images: 2, objects: 1, detections: 1, foreign: 0, voc07: one, voc10: one });
  expect(found).toMatchObject({ coco: { AP: one, AP50: one, APsmall: -1, APmedium: one, APlarge: -1, AR100: one } });
  expect(found).toMatchObject({
    perClass: [
      { label: 'cat', AP: one, objects: 1 },
      { label: 'dog', AP: -1, objects: 0 },
    ],
  });
  expect(found).toMatchObject({ errors: { counts: { missed: 0, background: 0 } } });
});

test('another detector is compared on the same images', async () => {
  const right = '[{"image_id":1,"category_id":1,"bbox":[10,10,50,50],"score":0.9}]';
  const found = await evaluate('[]', right);
  const one: unknown = expect.closeTo(1, 12);
  expect(found).toMatchObject({ intervals: { AP50: { value: 0 } }, against: { AP50: { value: one } } });
});

test('nothing detected scores 0, not an error', async () => {
  expect(await evaluate('[]')).toMatchObject({ coco: { AP: 0, AR100: 0 }, errors: { counts: { missed: 1 } } });
});

test.each([
  ['[{"image_id":1,"category_id":1,"bbox":[1,2,3,NaN],"score":1}]', 'JSON_SYNTAX', 'no NaN'],
  ['[{"image_id":1,"category_id":1,"bbox":[1,2,3],"score":1}]', 'JSON_FORMAT', 'at 0.bbox'],
  ['{"images":[]}', 'JSON_FORMAT', 'COCO results'],
  ['['.repeat(100_000), 'JSON_SYNTAX', 'dets.json'],
])('a bad file is an error that says what to do: %.40s', async (text, code, part) => {
  await expect(evaluate(text)).rejects.toThrow(new RegExp(`^${code}: .*${part}`));
});

test('a file that is not there', async () => {
  const output = createOutput({ json: true, stdout: new PassThrough(), stderr: new PassThrough() });
  const files = { detections: join(dir, 'none.json'), groundTruth: await file('gt.json', truth) };
  await expect(evalDetections(files, output)).rejects.toThrow('FILE_MISSING');
});
