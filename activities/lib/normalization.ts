import { readFile } from 'node:fs/promises';
import { MeasureOutput } from '../../contracts/manifests.ts';
import type { PrepareOutput } from '../../contracts/manifests.ts';
import type { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { backboneFacts } from '../../core/backbone-facts.ts';
import { PixelHistogram } from '../../core/dataset/pixel-statistics.ts';
import { inputError } from '../../core/errors.ts';
import { MEASURED, measuredName } from '../../core/training/measured-normalization.ts';
import type { TrainPorts } from '../ports.ts';
import type { RunningActivity } from './activity-context.ts';
import { localSide } from './local-side.ts';
import { preparedHash } from './prepared-hash.ts';
import { cachedStage } from './stage.ts';

const CODE_VERSION = 1;

/**
 * The name under which a model keeps its normalization: the backbone's own, or what the training images measure. That is
 * computed once for them. NORMALIZATION_MISMATCH where the file names another input range than the backbone was trained with.
 */
export async function normalizationFor(
  ports: Pick<TrainPorts, 'store' | 'clock' | 'files'>,
  { image, model }: PipelineConfig,
  prepared: PrepareOutput,
  activity: RunningActivity,
): Promise<string> {
  const { normalization } = backboneFacts[model.backbone];
  if (image.normalization === 'auto' || image.normalization === normalization) return normalization;
  if (image.normalization === MEASURED) return measured(ports, prepared, activity);
  throw inputError(
    'NORMALIZATION_MISMATCH',
    'image.normalization',
    image.normalization,
    `${normalization}, which ${model.backbone} was trained with`,
    'set it to auto',
  );
}

async function measured(
  ports: Pick<TrainPorts, 'store' | 'clock' | 'files'>,
  prepared: PrepareOutput,
  activity: RunningActivity,
): Promise<string> {
  const { output } = await cachedStage({
    ...{ store: ports.store, clock: ports.clock, signal: activity.signal, stage: 'measure' },
    codeVersion: CODE_VERSION,
    addressedBy: { prepared: preparedHash(prepared, ['train']) },
    output: MeasureOutput,
    async compute() {
      const { shards } = await localSide(ports, prepared.sides.train, activity);
      const histogram = new PixelHistogram();
      for (const { path } of shards) {
        activity.heartbeat({ measuring: path });
        histogram.addShard(new Uint8Array(await readFile(path)), path);
      }
      const statistics = histogram.statistics();
      if (statistics === null) {
        throw inputError('DATASET_SPLIT', 'train', 'no image to measure', 'training images', 'look at the split');
      }
      return { output: { normalization: measuredName(statistics) }, parts: [] };
    },
  });
  return output.normalization;
}
