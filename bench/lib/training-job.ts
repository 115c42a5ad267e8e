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

const CLASSES = 3;

export interface BenchJob {
  readonly dir: string;
  readonly backbone: BackboneId;
  readonly strategy: Strategy;
  readonly sidePx: number;
  readonly rows: number;
  readonly train: Readonly<Record<string, unknown>>;
}

/** A training job on drawn noise with a class-dependent tint: what is measured does not hang on the pictures. */
export async function benchJob(options: BenchJob): Promise<TrainJob> {
  const { dir, backbone, strategy, sidePx, rows } = options;
  await mkdir(dir, { recursive: true });
  const model: ModelDescription = {
    backbone,
    strategy,
    classes: Array.from({ length: CLASSES }, (_, i) => `class ${i}`),
    image: { heightPx: sidePx, widthPx: sidePx, channels: 3, resize: 'stretch' },
    normalization: backboneFacts[backbone].normalization,
    dropout: 0,
  };
  return {
    kind: 'train',
    workDir: join(dir, 'run'),
    reads: { kind: 'pixels' },
    model,
    lastN: 2,
    weightsPath: null,
    train: await side(join(dir, 'train.safetensors'), rows, sidePx),
    validation: await side(join(dir, 'validation.safetensors'), 32, sidePx),
    config: TrainConfig.parse(options.train),
    augment: AugmentConfig.parse({}),
    dataOrderSha256: asSha256('0'.repeat(64)),
    resume: null,
  };
}

async function side(path: string, rows: number, sidePx: number): Promise<LocalSide> {
  const rowBytes = sidePx * sidePx * 3;
  const pixels = new Uint8Array(rows * rowBytes);
  const labels = Int32Array.from({ length: rows }, (_, row) => row % CLASSES);
  const random = stream(1, path);
  for (let i = 0; i < pixels.length; i += 4) {
    const [word] = random.words(0, i);
    for (let lane = 0; lane < 4; lane++) {
      const tint = (i + lane) % 3 === (labels[Math.floor((i + lane) / rowBytes)] ?? 0) ? 60 : 0;
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
  return { rows, shards: [{ path, rows }] };
}
