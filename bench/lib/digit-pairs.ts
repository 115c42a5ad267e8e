import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LocalSide, TrainJob } from '../../contracts/ml-protocol.ts';
import { AugmentConfig, TrainConfig } from '../../contracts/pipeline-config.ts';
import { backboneFacts } from '../../core/backbone-facts.ts';
import { decodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { asFloat32 } from '../../core/checkpoint/tensor-data.ts';
import { asSha256 } from '../../core/ids.ts';
import { argMax } from '../../core/metrics/classification.ts';
import { unwrap } from '../../core/result.ts';
import { readDigits, writeDigits } from './digits.ts';
import { startJob } from './graft-child.ts';

const CLASSES = Array.from({ length: 10 }, (_, digit) => String(digit));
const SIDE_PX = 28;
/** Of each digit: none of the trainings sees these. */
const POOL = { from: 400, count: 450 };
const VALIDATION = { from: 360, count: 20 };

/** A training on real digits: of each the pictures `from` … `from + perDigit − 1`. */
export interface DigitTraining {
  readonly from: number;
  readonly perDigit: number;
  readonly seed: number;
  readonly epochs: number;
}

export interface DigitPool {
  readonly classes: readonly string[];
  readonly labels: readonly number[];
  /** Trains and says what the model makes of every picture of the pool. */
  answersOf(training: DigitTraining): Promise<number[]>;
}

/** Digits that models are compared on: many more than one test set, which is drawn from them. */
export async function digitPool(dir: string): Promise<DigitPool> {
  const digits = await readDigits(POOL.from, POOL.count);
  const [pool, validation] = [join(dir, 'pool.safetensors'), join(dir, 'validation.safetensors')];
  await writeDigits(pool, digits, SIDE_PX);
  await writeDigits(validation, await readDigits(VALIDATION.from, VALIDATION.count), SIDE_PX);
  const poolSide = sideOf(pool, digits.length);
  const answersOf = async (training: DigitTraining): Promise<number[]> => {
    const { from, perDigit } = training;
    const train = join(dir, `train-${from}-${perDigit}.safetensors`);
    await writeDigits(train, await readDigits(from, perDigit), SIDE_PX);
    const job = trainJob(dir, training, sideOf(train, 10 * perDigit), sideOf(validation, 10 * VALIDATION.count));
    return answers(job.model, await trained(job), poolSide, join(job.workDir, 'logits.safetensors'));
  };
  return { classes: CLASSES, labels: digits.map(({ label }) => label), answersOf };
}

const sideOf = (path: string, rows: number): LocalSide => ({ rows, shards: [{ path, rows }] });

function trainJob(dir: string, training: DigitTraining, train: LocalSide, validation: LocalSide): TrainJob {
  const { from, perDigit, seed, epochs } = training;
  return {
    kind: 'train',
    workDir: join(dir, `run-${from}-${perDigit}-${seed}`),
    reads: { kind: 'pixels' },
    model: {
      ...{ backbone: 'tiny-cnn', strategy: 'scratch', classes: CLASSES, dropout: 0 },
      image: { heightPx: SIDE_PX, widthPx: SIDE_PX, channels: 3, resize: 'stretch' },
      normalization: backboneFacts['tiny-cnn'].normalization,
    },
    lastN: 1,
    weightsPath: null,
    train,
    validation,
    config: TrainConfig.parse({ epochs, batchSize: 32, seed, optimizer: { kind: 'adam', learningRate: 3e-3 } }),
    augment: AugmentConfig.parse({}),
    dataOrderSha256: asSha256('0'.repeat(64)),
    resume: null,
  };
}

async function trained(job: TrainJob): Promise<string> {
  for await (const { event } of startJob(job).events) {
    if (event.kind === 'trained') return event.result.weightsPath;
  }
  throw new Error('the training ended without a model');
}

async function answers(
  model: TrainJob['model'],
  weightsPath: string,
  side: LocalSide,
  outputPath: string,
): Promise<number[]> {
  const job = { kind: 'evaluate' as const, model, weightsPath, side, batchSize: 250, outputPath };
  for await (const { event } of startJob(job).events) if (event.kind === 'evaluated') break;
  const logits = unwrap(decodeSafetensors(await readFile(outputPath), outputPath)).tensors.get('logits');
  if (!logits) throw new Error('no logits');
  const scores = asFloat32(logits);
  const row = (index: number) => scores.subarray(index * CLASSES.length, (index + 1) * CLASSES.length);
  return Array.from({ length: side.rows }, (_, index) => argMax(row(index)));
}
