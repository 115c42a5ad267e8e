/**
 * One preset's training steps in a process of its own, on made-up boxes; prints one JSON document. Arguments: preset,
 * height and width in pixels, images a step, steps, threads.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DetectorConfig } from '../../contracts/detector-config.ts';
import { AugmentConfig, TrainConfig } from '../../contracts/pipeline-config.ts';
import { presetNamed } from '../../core/detection/presets.ts';
import { stream } from '../../core/rng.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { median } from './statistics.ts';

const [, , name, height, width, batch, steps, threads = String(availableParallelism())] = process.argv;
const preset = presetNamed(name);
if (!preset) throw new Error(`no preset ${name ?? ''}`);
const [heightPx, widthPx, batchSize] = [Number(height), Number(width), Number(batch)];
await loadTensorFlow({ threads: Number(threads) });
// After TensorFlow: they import tfjs.
const { createDetectorLearner } = await import('../../ml/trainer/detector-learner.ts');
const { buildDetector, detectorStart } = await import('../../ml/trainer/detector-model.ts');
const { sourceOf } = await import('../../ml/trainer/detector-inputs.ts');
const { writeStart } = await import('../../ml/trainer/train.ts');

const random = stream(1, 'bench/detect');
const classes = Array.from({ length: 20 }, (_, index) => `class-${index}`);
const detector = DetectorConfig.parse({ kind: preset.kind, preset: name, ...preset.detector });
const config = TrainConfig.parse({ ...preset.train, batchSize });
const learning = buildDetector(
  {
    ...{ backbone: preset.backbone, strategy: 'full', classes, normalization: '', dropout: 0, detector },
    image: { heightPx, widthPx, channels: 3, resize: 'stretch' },
  },
  1,
);
const scratchDir = mkdtempSync(join(tmpdir(), 'graft-bench-detect-'));
const augment = AugmentConfig.parse(preset.augment);
const { optimizer, averageDecay, clipNorm, backboneRate } = config;
const learner = await createDetectorLearner(learning, {
  ...{ optimizer, averageDecay, clipNorm, backboneRate, augment, batchSize, scratchDir },
  ...{ shape: [heightPx, widthPx, 3], trainRows: batchSize, validationRows: batchSize },
});
const { values } = await detectorStart(learning, { weightsPath: null, seed: 1 });
writeStart(learner, learning, values, { config });

// Five boxes a picture, of a tenth to half the side.
const objects = Array.from({ length: batchSize }, (_, row) => {
  const boxes = Array.from({ length: 5 }, (__, box) => {
    const u = (draw: number): number => random.uniform(row, box * 4 + draw);
    const sides = { height: 0.1 + 0.4 * u(0), width: 0.1 + 0.4 * u(1) };
    const [top, left] = [u(2) * (1 - sides.height), u(3) * (1 - sides.width)];
    return [top, left, top + sides.height, left + sides.width];
  });
  return {
    boxes: Float64Array.from(boxes.flat()),
    labels: boxes.map((_box, k) => (row + k) % 20),
    flags: new Int32Array(5),
  };
});
const pixels = new Uint8Array(batchSize * heightPx * widthPx * 3).map((_, index) => (index * 2654435761) >>> 24);
const samples = {
  ...({ rows: batchSize, shape: [heightPx, widthPx, 3], dtype: 'U8', labels: new Int32Array(batchSize) } as const),
  rowBytes: heightPx * widthPx * 3,
  read: () => Promise.resolve(pixels),
  close: () => Promise.resolve(),
};
const source = sourceOf(samples, objects, learning.detector, { augment, seed: 1 });
const indexes = objects.map((_, index) => index);

const [inputMs, stepMs, insideMs]: [number[], number[], number[]] = [[], [], []];
const run = learner.engine.run.bind(learner.engine);
learner.engine.run = (program, inputs) => {
  const startedMs = performance.now();
  const outputs = run(program, inputs);
  insideMs.push(performance.now() - startedMs);
  return outputs;
};
const WARM_UP = 2;
for (let step = 0; step < Number(steps) + WARM_UP; step++) {
  const startedMs = performance.now();
  const made = await source.batch(source.prefetch(indexes, step), step);
  const madeMs = performance.now();
  learner.step(made, { epoch: step, step, learningRate: 1e-6 });
  inputMs.push(madeMs - startedMs);
  stepMs.push(performance.now() - madeMs);
}
learner.engine.dispose();
rmSync(scratchDir, { recursive: true });
const of = (list: readonly number[]): number => median(list.slice(WARM_UP)) ?? Number.NaN;
const whole = of(stepMs.map((each, step) => each + (inputMs[step] ?? 0)));
process.stdout.write(
  JSON.stringify({
    ...{ inputMs: of(inputMs), stepMs: of(stepMs), share: of(insideMs) / whole },
    peakMb: process.resourceUsage().maxRSS / 1024,
    parameters: learning.detector.params.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
  }),
);
