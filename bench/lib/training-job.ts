import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelDescription } from '../../contracts/manifests.ts';
import type { LocalSide, TrainJob } from '../../contracts/ml-protocol.ts';
import { AugmentConfig, TrainConfig } from '../../contracts/pipeline-config.ts';
import type { BackboneId, Strategy } from '../../contracts/pipeline-config.ts';
import { backboneFacts } from '../../core/backbone-facts.ts';
import { int32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { asSha256 } from '../../core/ids.ts';
import { stream } from '../../core/rng.ts';
import { writeSafetensorsFile } from '../../ml/weights/safetensors-file.ts';

/** What `last-n` trains of the backbone in benchmarks, on every side. */
export const LAST_N = 2;

export interface BenchJob {
  readonly dir: string;
  readonly backbone: BackboneId;
  readonly strategy: Strategy;
  readonly sidePx: number;
  readonly rows: number;
  readonly train: Readonly<Record<string, unknown>>;
  readonly classes?: number;
  /** The same rows over and over make an epoch of `rows · repeats` images without the disk space; 1 by default. */
  readonly repeats?: number;
}

/** A training job on drawn noise with a class-dependent tint: what is measured does not hang on the pictures. */
export async function benchJob(options: BenchJob): Promise<TrainJob> {
  const { dir, backbone, strategy, sidePx, rows, classes = 3, repeats = 1 } = options;
  await mkdir(dir, { recursive: true });
  const model: ModelDescription = {
    backbone,
    strategy,
    classes: Array.from({ length: classes }, (_, i) => `class ${i}`),
    image: { heightPx: sidePx, widthPx: sidePx, channels: 3, resize: 'stretch' },
    normalization: backboneFacts[backbone].normalization,
    dropout: 0,
  };
  const train = await noiseFile(join(dir, `train-${sidePx}.safetensors`), rows, sidePx, classes);
  const validation = await noiseFile(join(dir, `validation-${sidePx}.safetensors`), 32, sidePx, classes);
  return {
    kind: 'train',
    workDir: join(dir, 'run'),
    reads: { kind: 'pixels' },
    model,
    lastN: LAST_N,
    weightsPath: null,
    train: side(train, rows, repeats),
    validation: side(validation, 32, 1),
    config: TrainConfig.parse(options.train),
    augment: AugmentConfig.parse({}),
    dataOrderSha256: asSha256('0'.repeat(64)),
    resume: null,
  };
}

function side(path: string, rows: number, repeats: number): LocalSide {
  return { rows: rows * repeats, shards: Array.from({ length: repeats }, () => ({ path, rows })) };
}

/** Writes `images` uint8 and `labels` int32 to `path` unless it is there; resolves to `path`. */
export async function noiseFile(path: string, rows: number, sidePx: number, classes: number): Promise<string> {
  if (existsSync(path)) return path;
  const rowBytes = sidePx * sidePx * 3;
  const pixels = new Uint8Array(rows * rowBytes);
  const labels = Int32Array.from({ length: rows }, (_, row) => row % classes);
  const random = stream(1, 'bench/noise');
  for (let i = 0; i < pixels.length; i += 4) {
    const [word] = random.words(0, i);
    for (let lane = 0; lane < 4; lane++) {
      const tint = (i + lane) % 3 === (labels[Math.floor((i + lane) / rowBytes)] ?? 0) % 3 ? 60 : 0;
      pixels[i + lane] = 64 + tint + ((word >>> (8 * lane)) & 0x7f);
    }
  }
  const images = { dtype: 'U8' as const, shape: [rows, sidePx, sidePx, 3], data: pixels };
  await writeSafetensorsFile(
    path,
    new Map([
      ['images', images],
      ['labels', int32Tensor(labels, [rows])],
    ]),
  );
  return path;
}
