import { readFile } from 'node:fs/promises';
import type { ModelDescription } from '../../contracts/manifests.ts';
import type { LocalSide } from '../../contracts/ml-protocol.ts';
import type { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { PixelHistogram } from '../../core/dataset/pixel-statistics.ts';
import { MEASURED, measuredName } from '../../core/training/measured-normalization.ts';

/** The model with the normalization that the file asks for; a measured one is measured on the sample. */
export async function normalizedBySample(
  model: ModelDescription,
  { image }: Pick<PipelineConfig, 'image'>,
  { shards }: LocalSide,
): Promise<ModelDescription> {
  if (image.normalization !== MEASURED) return model;
  const histogram = new PixelHistogram();
  for (const { path } of shards) histogram.addShard(new Uint8Array(await readFile(path)), path);
  const statistics = histogram.statistics();
  return statistics === null ? model : { ...model, normalization: measuredName(statistics) };
}
