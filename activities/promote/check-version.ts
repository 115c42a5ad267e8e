import { randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EvaluateOutput, PrepareOutput } from '../../contracts/manifests.ts';
import type { BlobRef } from '../../contracts/manifests.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import { decodeSafetensors, encodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { int32Tensor } from '../../core/checkpoint/tensor-data.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { failedError, inputError } from '../../core/errors.ts';
import { asSha256, asStageKey } from '../../core/ids.ts';
import { inferenceBatch } from '../../core/inference-batch.ts';
import { unwrap } from '../../core/result.ts';
import { currentActivity } from '../lib/activity-context.ts';
import { readVersion } from '../lib/registry.ts';
import { shortJob } from '../lib/short-job.ts';
import { readStage, stageManifestKey } from '../lib/stage.ts';
import type { TrainPorts } from '../ports.ts';
import { compareAnswers, TOLERANCE } from './compare-answers.ts';

/** How many known images are asked. */
const KNOWN_IMAGES = 8;

/**
 * Loads a version from the registry and asks it for the first test images of its own run: the logits must be those that
 * were recorded when it was evaluated. Returns what was seen, in words. VERSION_CHECK (failed) where they are others or
 * the version can't be loaded, VERSION_UNKNOWN (input), VERSION_UNCHECKED (input) where nothing was kept to compare with.
 */
export async function checkVersion(ports: TrainPorts, model: string, number: number): Promise<string> {
  const version = await readVersion(ports.store, model, number);
  const where = `${model} version ${number}`;
  if (!version) throw inputError('VERSION_UNKNOWN', where, 'no such version', 'a registered one', 'graft models show');
  const known = await knownAnswers(ports, version, where);
  const logits = await answers(ports, version, known.images, where);
  const { difference, wrong } = compareAnswers(version.model, logits, known.logits, known.rows);
  if (wrong) {
    const seen = `an answer to known image ${wrong.row} is ${wrong.own}, recorded was ${wrong.recorded}`;
    throw failedError('VERSION_CHECK', where, seen, `within ${TOLERANCE}`, `graft models verify ${model}`);
  }
  return `${known.rows} known images gave the recorded answers (largest difference ${difference.toExponential(1)})`;
}

/** The first test images of the version's own run and what it said of them. */
async function knownAnswers(ports: TrainPorts, { lineage }: ModelVersion, where: string) {
  const manifest = (stage: 'prepare' | 'evaluate', key: string): string =>
    stageManifestKey(stage, asStageKey(asSha256(key)));
  const prepared = await readStage(ports.store, manifest('prepare', lineage.prepareKey), PrepareOutput);
  const evaluated = await readStage(ports.store, manifest('evaluate', lineage.evaluateKey), EvaluateOutput);
  const shard = prepared?.output.sides.test?.shards[0];
  if (!shard || !evaluated) {
    const remedy = 'say --skip-check to move the alias all the same; the ledger will tell';
    throw inputError('VERSION_UNCHECKED', where, 'its test images or logits are gone', 'both, to compare with', remedy);
  }
  const images = await tensorOf(ports, shard, 'images');
  const logits = await tensorOf(ports, evaluated.output.logits, 'logits');
  const rows = Math.min(KNOWN_IMAGES, shard.rows);
  return { rows, images: firstRows(images, rows), logits };
}

async function tensorOf(ports: TrainPorts, blob: BlobRef, name: string): Promise<TensorData> {
  const path = await ports.files.fetch(blob, currentActivity().signal);
  const tensor = unwrap(decodeSafetensors(await readFile(path), path)).tensors.get(name);
  if (!tensor) throw failedError('VERSION_CHECK', blob.key, `no ${name}`, 'what the run wrote');
  return tensor;
}

function firstRows({ dtype, shape, data }: TensorData, rows: number): TensorData {
  const [all = 1, ...rest] = shape;
  return { dtype, shape: [rows, ...rest], data: data.slice(0, (data.length / all) * rows) };
}

async function answers(
  ports: TrainPorts,
  { model, weights }: ModelVersion,
  images: TensorData,
  where: string,
): Promise<TensorData> {
  const activity = currentActivity();
  const dir = await ports.files.scratch('check');
  const [imagesPath, outputPath] = [join(dir, `${randomUUID()}.safetensors`), join(dir, `${randomUUID()}.safetensors`)];
  const rows = images.shape[0] ?? 0;
  try {
    const tensors = new Map([
      ['images', images],
      ['labels', int32Tensor(new Int32Array(rows), [rows])],
    ]);
    await writeFile(imagesPath, encodeSafetensors(tensors));
    const weightsPath = await ports.files.fetch(weights, activity.signal).catch((error: unknown) => {
      throw unreadable(error, where);
    });
    const side = { rows, shards: [{ path: imagesPath, rows }] };
    const job = {
      kind: 'evaluate' as const,
      model,
      weightsPath,
      side,
      batchSize: inferenceBatch(model, rows),
      outputPath,
    };
    await shortJob(ports, activity, job, 'evaluated').catch((error: unknown) => {
      throw unreadable(error, where);
    });
    const logits = unwrap(decodeSafetensors(await readFile(outputPath), outputPath)).tensors.get('logits');
    if (!logits) throw failedError('VERSION_CHECK', where, 'it gave no logits', 'logits');
    return logits;
  } finally {
    await rm(imagesPath, { force: true });
    await rm(outputPath, { force: true });
  }
}

const DAMAGED = /^(STORE_CORRUPT|STORE_NOT_FOUND|MODEL_WEIGHTS|MODEL_FORMAT):/;

/** Damaged weights are the version's fault, which no retry mends; anything else is passed on. */
function unreadable(error: unknown, where: string): unknown {
  if (!(error instanceof Error) || !DAMAGED.test(error.message)) return error;
  return failedError(
    'VERSION_CHECK',
    where,
    error.message.slice(0, 300),
    'weights that load',
    'choose another version',
  );
}
