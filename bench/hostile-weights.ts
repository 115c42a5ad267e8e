/**
 * How soon files of weights that mean harm, or are damaged, are refused: each by the reader that every import goes through,
 * timed alone. Allowed: 2 s. What is executed is nothing; the tests beside the readers hold that.
 */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeSafetensors } from '../core/checkpoint/safetensors.ts';
import { float32Tensor } from '../core/checkpoint/tensor-data.ts';
import { GraftError } from '../core/errors.ts';
import { loadTensorFlow } from '../infra/native/load-tensorflow.ts';
import { benchOptions } from './lib/options.ts';
import { figure, report } from './lib/report.ts';
import type { Row } from './lib/report.ts';

const ALLOWED_SECONDS = 2;
benchOptions();
const golden = fileURLToPath(new URL('../test/golden/backbones/', import.meta.url));

async function hostileFiles(dir: string): Promise<string[]> {
  const torch = join(golden, 'torch', 'hostile');
  const keras = ['bomb-gzip.h5', 'bomb-unwritten.h5', 'cycle.h5', 'link.h5'].map((name) =>
    join(golden, 'weights', name),
  );
  const kernel = float32Tensor(new Float32Array(432).fill(Number.NaN), [3, 3, 3, 16]);
  const nan = join(dir, 'nan.safetensors');
  await writeFile(nan, encodeSafetensors(new Map([['conv1/kernel', kernel]])));
  const truncated = join(dir, 'truncated.safetensors');
  const finite = float32Tensor(new Float32Array(432), [3, 3, 3, 16]);
  const whole = encodeSafetensors(new Map([['conv1/kernel', finite]]));
  await writeFile(truncated, whole.subarray(0, whole.length - 100));
  const header = join(dir, 'header-bomb.safetensors');
  await writeFile(header, Buffer.concat([Buffer.from(BigUint64Array.of(2n ** 40n).buffer), Buffer.alloc(64)]));
  const names = (await readdir(torch)).filter((name) => name.endsWith('.pth')).sort();
  return [...names.map((name) => join(torch, name)), ...keras, nan, truncated, header];
}

await loadTensorFlow();
const { createBackbone } = await import('../ml/backbones/index.ts');
const { loadBackboneWeights } = await import('../ml/weights/load.ts');

async function refusalOf(path: string): Promise<Row> {
  const startedMs = performance.now();
  let word = 'ACCEPTED';
  try {
    await loadBackboneWeights(createBackbone('tiny-cnn'), path);
  } catch (error) {
    word =
      error instanceof GraftError ? `${error.code}: ${error.parts.seen}` : `not in graft's words: ${String(error)}`;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  return { file: path.slice(path.lastIndexOf('/') + 1), refused: word.slice(0, 70), seconds: figure(seconds, 3) };
}

const dir = await mkdtemp(join(tmpdir(), 'graft-hostile-'));
try {
  const rows: Row[] = [];
  for (const path of await hostileFiles(dir)) rows.push(await refusalOf(path));
  report('Hostile and damaged weights', rows, [`allowed: ${ALLOWED_SECONDS} s each`]);
} finally {
  await rm(dir, { recursive: true, force: true });
}
