import { randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobRef, ModelDescription, PrepareOutput } from '../../contracts/manifests.ts';
import { decodeSafetensors, encodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { failedError } from '../../core/errors.ts';
import { unwrap } from '../../core/result.ts';
import type { RunningActivity } from '../lib/activity-context.ts';
import { shortJob } from '../lib/short-job.ts';
import type { TrainPorts } from '../ports.ts';

/** The first images compile the graph and warm caches: they are run and not counted. */
const WARM_UP = 10;
const COUNTED = 50;

/**
 * Milliseconds that one image takes through the network, alone in its batch: the median of 50 test images on this
 * machine with its threads. Decoding and rendering are not in it.
 */
export async function imageLatencyMs(
  ports: Pick<TrainPorts, 'ml' | 'files'>,
  { model, weights }: { readonly model: ModelDescription; readonly weights: BlobRef },
  prepared: PrepareOutput,
  activity: RunningActivity,
): Promise<number> {
  const shard = prepared.sides.test?.shards[0];
  if (!shard) throw failedError('GATE_LATENCY', 'gate', 'no test images', 'at least one to measure with');
  const source = await ports.files.fetch(shard, activity.signal);
  const images = unwrap(decodeSafetensors(await readFile(source), source)).tensors.get('images');
  if (!images) throw failedError('GATE_LATENCY', shard.key, 'no images', 'a prepared shard');
  const imagesPath = join(await ports.files.scratch('latency'), `${randomUUID()}.safetensors`);
  try {
    await writeFile(imagesPath, encodeSafetensors(new Map([['images', repeated(images)]])));
    const weightsPath = await ports.files.fetch(weights, activity.signal);
    const job = { kind: 'predict' as const, model, weightsPath, imagesPath, batchSize: 1 };
    const { batchMs = [] } = await shortJob(ports, activity, job, 'predicted');
    const counted = batchMs.slice(WARM_UP).sort((a, b) => a - b);
    const median = counted[Math.floor(counted.length / 2)];
    if (median === undefined) throw failedError('GATE_LATENCY', 'ML process', 'no times', 'the time of each image');
    return median;
  } finally {
    await rm(imagesPath, { force: true });
  }
}

type Images = Parameters<typeof encodeSafetensors>[0] extends ReadonlyMap<string, infer T> ? T : never;

/** The first images of a shard, again and again until there are enough. */
function repeated({ dtype, shape, data }: Images): Images {
  const [rows = 1, ...rest] = shape;
  const rowBytes = data.length / rows;
  const wanted = WARM_UP + COUNTED;
  const bytes = new Uint8Array(wanted * rowBytes);
  for (let row = 0; row < wanted; row++) {
    const from = (row % rows) * rowBytes;
    bytes.set(data.subarray(from, from + rowBytes), row * rowBytes);
  }
  return { dtype, shape: [wanted, ...rest], data: bytes };
}
