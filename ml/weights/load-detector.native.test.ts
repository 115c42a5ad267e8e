import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FasterRcnnConfig, SsdConfig } from '../../contracts/detector-config.ts';
import { encodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { float32Tensor, toFloat32 } from '../../core/checkpoint/tensor-data.ts';
import { ssdAnchors } from '../../core/detection/anchors.ts';
import { iouAt } from '../../core/detection/boxes.ts';
import { settings } from '../../infra/config.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { createBackbone } from '../backbones/index.ts';
import { detectorInferProgram, learningDetector } from '../detectors/detector-programs.ts';
import { createDetector } from '../detectors/index.ts';
import { createEngine } from '../engine/index.ts';
import { initialize } from '../nn/initialize.ts';
import { variable } from '../trainer/programs.ts';
import { loadDetectorWeights } from './load-detector.ts';
import { readWeights } from './read-weights.ts';

/** The npm package whose SSD this is: its model, its pictures, and what it finds in them. */
const PACKAGE = '@vladmandic/face-api@1.7.15';
const INTEGRITY = 'WDMmK3CfNLo8jylWqMoQgf4nIst3M0fzx1dnac96wv/dvMTN4DxC/Pq1DGtduDk1lktCamQ3MIDXFnvrdHTXDw==';

let scratch = '';
beforeAll(async () => {
  await loadTensorFlow({ threads: 2 });
  scratch = mkdtempSync(join(tmpdir(), 'graft-load-detector-'));
});
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

const ssd = SsdConfig.parse({ kind: 'ssd' });
const detectorOf = (classes: number, sidePx: number) =>
  createDetector(createBackbone('mobilenet-v1'), ssd, { classes, heightPx: sidePx, widthPx: sidePx });

/** Unpacked once into the cache; npm's own tar and its checksum. */
async function faceApi(): Promise<string> {
  const folder = join(settings().cacheDir, 'test-packages', 'face-api-1.7.15');
  if (existsSync(folder)) return folder;
  const run = promisify(execFile);
  const { stdout } = await run('npm', ['pack', PACKAGE, '--silent', '--pack-destination', scratch], { cwd: scratch });
  const tarball = join(scratch, stdout.trim().split('\n').at(-1) ?? '');
  expect(createHash('sha512').update(readFileSync(tarball)).digest('base64')).toBe(INTEGRITY);
  await run('tar', ['xzf', tarball, '-C', scratch, 'package/model', 'package/demo']);
  mkdirSync(join(folder, '..'), { recursive: true });
  // Another process may have been first: then it is there.
  if (!existsSync(folder)) renameSync(join(scratch, 'package'), folder);
  return folder;
}

describe('the SSD of @vladmandic/face-api', () => {
  it('has graft’s anchors, and every one of its tensors a place', { timeout: 120_000 }, async () => {
    const path = join(await faceApi(), 'model', 'ssd_mobilenetv1_model-weights_manifest.json');
    const detector = detectorOf(2, 512);
    const { values, restored, fresh, unused } = await loadDetectorWeights(detector, path);
    expect(fresh).toEqual([]);
    expect(restored.length).toBe(detector.params.length);
    expect(values.size).toBe(detector.params.length);
    // What is left are constants of the graph that it was cut from.
    expect(unused.filter((name) => /weights|biases|BatchNorm|offset/.test(name))).toEqual([]);
    const anchors = toFloat32((await readWeights(path)).get('Output/extra_dim')!);
    const own = ssdAnchors({ heightPx: SIDE, widthPx: SIDE }, [32, 16, 8, 4, 2, 1].map((side) => ({ rows: side, columns: side }))); // prettier-ignore
    expect(own.length).toBe(5118 * 4);
    // On all maps but the first it has the interpolated anchor second in its cell, where ours is the last of six.
    const first = 32 * 32 * 3;
    const placeThere = (anchor: number): number => {
      if (anchor < first) return anchor;
      const place = (anchor - first) % 6;
      return anchor - place + ([0, 2, 3, 4, 5, 1][place] ?? 0);
    };
    let worst = 0;
    for (let i = 0; i < own.length; i++) {
      const theirs = anchors[placeThere(i >> 2) * 4 + (i & 3)] ?? 0;
      worst = Math.max(worst, Math.abs((own[i] ?? 0) - theirs));
    }
    expect(worst).toBeLessThan(1e-4);
  });

  /** What the package itself (1.7.15, on tfjs's JavaScript backend, minConfidence .5) finds: score, and edges in shares of the picture. */
  const FACES = {
    'sample1.jpg': [
      [0.9953, 0.2772, 0.2157, 0.4645, 0.308],
      [0.9935, 0.3287, 0.4365, 0.5067, 0.5336],
      [0.9888, 0.1559, 0.7688, 0.344, 0.8746],
    ],
    'sample2.jpg': [
      [0.9892, 0.1122, 0.7537, 0.2896, 0.8545],
      [0.8835, 0.1608, 0.4696, 0.3313, 0.5482],
      [0.7565, 0.0919, 0.188, 0.2817, 0.2676],
    ],
    'sample5.jpg': [
      [0.9925, 0.0778, 0.41, 0.2294, 0.4913],
      [0.9774, 0.1417, 0.5796, 0.3108, 0.662],
      [0.9385, 0.2788, 0.7325, 0.473, 0.8186],
      [0.9383, 0.2968, 0.3114, 0.4748, 0.3979],
      [0.9048, 0.6147, 0.1962, 0.83, 0.2859],
    ],
  } as const;

  it('finds the faces that the package finds in its pictures, and no others', { timeout: 240_000 }, async () => {
    const folder = await faceApi();
    const detector = detectorOf(2, SIDE);
    const { values } = await loadDetectorWeights(
      detector,
      join(folder, 'model', 'ssd_mobilenetv1_model-weights_manifest.json'),
    );
    const state = new Map(detector.params.map(({ name, shape }) => [variable.parameter(name), shape]));
    const infer = detectorInferProgram(learningDetector(detector, 0), [SIDE, SIDE, 3], 1, false);
    const engine = await createEngine({ state, programs: { infer } }, scratch);
    engine.write(new Map([...values].map(([name, value]) => [variable.parameter(name), value])));
    for (const [name, faces] of Object.entries(FACES)) {
      const { x, reach } = await fitted(join(folder, 'demo', name));
      const found = (detector.detections(engine.run('infer', { x }), 1)[0] ?? []).filter(
        ({ label, score }) => label === 0 && score > 0.5,
      );
      const boxes = Float64Array.from(
        found.flatMap(({ box: [top, left, bottom, right] }) => [
          top / reach.y,
          left / reach.x,
          bottom / reach.y,
          right / reach.x,
        ]),
      );
      expect(found.length, name).toBe(faces.length);
      for (const [score, ...edges] of faces) {
        const overlaps = found.map((_, i) => iouAt(boxes, i, Float64Array.from(edges), 0));
        const best = overlaps.indexOf(Math.max(...overlaps));
        expect(overlaps[best], name).toBeGreaterThan(0.85);
        // Another resampler than tfjs's.
        expect(Math.abs((found[best]?.score ?? 0) - score), name).toBeLessThan(0.1);
      }
    }
    engine.dispose();
  });
});

const SIDE = 512;

/** As the package does it: fitted into the upper left corner of a black square. */
async function fitted(path: string) {
  const { data, info } = await sharp(path)
    .removeAlpha()
    .resize(SIDE, SIDE, { fit: 'inside' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const x = new Uint8Array(SIDE * SIDE * 3);
  for (let row = 0; row < info.height; row++) {
    x.set(data.subarray(row * info.width * 3, (row + 1) * info.width * 3), row * SIDE * 3);
  }
  return { x, reach: { y: info.height / SIDE, x: info.width / SIDE } };
}

describe('another number of classes', () => {
  const saved = (
    name: string,
    tensors: ReadonlyMap<string, Float32Array>,
    shapes: ReadonlyMap<string, readonly number[]>,
  ) => {
    const path = join(scratch, name);
    const data = new Map([...tensors].map(([key, value]) => [key, float32Tensor(value, shapes.get(key) ?? [])]));
    writeFileSync(path, encodeSafetensors(data));
    return path;
  };
  const own = (detector: ReturnType<typeof detectorOf>, name: string): string =>
    saved(name, initialize(detector.params, 3), new Map(detector.params.map((spec) => [spec.name, spec.shape])));

  it('keeps all of this project’s own detector but what says classes, and lists it', async () => {
    const path = own(detectorOf(3, 128), 'own.safetensors');
    const { fresh, restored } = await loadDetectorWeights(detectorOf(5, 128), path);
    expect(fresh.map(({ param }) => param)).toEqual(
      [0, 1, 2, 3, 4, 5].flatMap((map) => [`detector/map${map}/classes/kernel`, `detector/map${map}/classes/bias`]),
    );
    expect(fresh[0]?.why).toBe('it is [1, 1, 512, 12] in the file, [1, 1, 512, 18] here');
    expect(restored).toContain('detector/map0/boxes/kernel');
    expect((await loadDetectorWeights(detectorOf(3, 128), path)).fresh).toEqual([]);
  });

  it('of Faster R-CNN in the API’s names: every tensor but those of classes', { timeout: 240_000 }, async () => {
    const make = (classes: number) =>
      createDetector(createBackbone('inception-v2'), FasterRcnnConfig.parse({ kind: 'faster-rcnn' }), {
        classes,
        heightPx: 128,
        widthPx: 128,
      });
    const from = make(4);
    const names = new Map(from.params.map(({ name }) => [tfodName(name), name]));
    const start = initialize(from.params, 1);
    const shapeOf = new Map(from.params.map((spec) => [spec.name, spec.shape]));
    const tensors = new Map([...names].map(([file, param]) => [file, start.get(param)!]));
    const path = saved(
      'tfod.safetensors',
      tensors,
      new Map([...names].map(([file, param]) => [file, shapeOf.get(param)!])),
    );
    const same = await loadDetectorWeights(make(4), path);
    expect(same.fresh).toEqual([]);
    for (const [name, value] of same.values)
      expect(Buffer.from(value.buffer).equals(Buffer.from(start.get(name)!.buffer)), name).toBe(true);
    const other = await loadDetectorWeights(make(9), path);
    expect(other.fresh.map(({ param }) => param)).toEqual(
      ['classes', 'boxes'].flatMap((each) => [`detector/roi/${each}/kernel`, `detector/roi/${each}/bias`]),
    );
    expect(other.unused).toEqual([]);
  });

  it('refuses a file that has not the backbone', async () => {
    const path = own(detectorOf(3, 128), 'v1.safetensors');
    const other = createDetector(createBackbone('inception-v2'), ssd, { classes: 3, heightPx: 128, widthPx: 128 });
    await expect(loadDetectorWeights(other, path)).rejects.toThrow(
      /MODEL_WEIGHTS: .*v1\.safetensors — 0 of the \d+ tensors of inception-v2/,
    );
  });
});

/** The API's name of a parameter of Faster R-CNN on Inception v2 (research/object_detection, nets/inception_v2.py). */
function tfodName(param: string): string {
  const variable = (name: string): string =>
    name
      .replace(/\/kernel$/, '/weights')
      .replace(/\/bias$/, '/biases')
      .replace('/bn/', '/BatchNorm/');
  const rest = variable(param);
  if (rest.startsWith('detector/rpn/conv/')) return rest.replace('detector/rpn/conv', 'Conv');
  for (const [mine, theirs] of [
    ['detector/rpn/boxes', 'FirstStageBoxPredictor/BoxEncodingPredictor'],
    ['detector/rpn/objectness', 'FirstStageBoxPredictor/ClassPredictor'],
    ['detector/roi/boxes', 'SecondStageBoxPredictor/BoxEncodingPredictor'],
    ['detector/roi/classes', 'SecondStageBoxPredictor/ClassPredictor'],
  ] as const) {
    if (rest.startsWith(mine)) return rest.replace(mine, theirs);
  }
  const first = 'FirstStageFeatureExtractor/InceptionV2/InceptionV2';
  if (param === 'backbone/stem/depthwise/kernel') return `${first}/Conv2d_1a_7x7/depthwise_weights`;
  if (param.startsWith('backbone/stem/pointwise/')) {
    return `${first}/Conv2d_1a_7x7/${param.endsWith('bias') ? 'biases' : 'pointwise_weights'}`;
  }
  const conv2 = /^backbone\/conv2\/branch0\.(\d)\/(.*)$/.exec(rest);
  if (conv2) return `${first}/Conv2d_2${conv2[1] === '1' ? 'b_1x1' : 'c_3x3'}/${conv2[2] ?? ''}`;
  const mixed = /^backbone\/mixed(\d)([a-e])\/branch(\d)\.(\d)\/(.*)$/.exec(rest);
  if (!mixed) throw new Error(param);
  const [, stage, letter, branch, step, end] = mixed;
  const halves = letter === 'a' && stage !== '3' && Number(step) === Number(branch) + 1;
  const layer = halves
    ? 'Conv2d_1a_3x3'
    : `Conv2d_0${'abc'[Number(step)] ?? ''}_${sideOf(Number(branch), Number(step))}`;
  const stageName = stage === '5' ? 'SecondStageFeatureExtractor/InceptionV2' : first;
  return `${stageName}/Mixed_${stage ?? ''}${letter ?? ''}/Branch_${branch ?? ''}/${layer}/${end ?? ''}`;
}

const sideOf = (branch: number, step: number): string => (step === 0 || branch === 3 ? '1x1' : '3x3');
