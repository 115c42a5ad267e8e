import type { ModelDescription } from '../../../contracts/manifests.ts';
import type { LocalSide } from '../../../contracts/ml-protocol.ts';
import type { PipelineConfig } from '../../../contracts/pipeline-config.ts';
import { backboneFacts, inputImage } from '../../../core/backbone-facts.ts';
import { describeModel } from '../../../core/training/model-description.ts';
import { settings } from '../../../infra/config.ts';
import type { Output } from '../../output.ts';
import { samplePictures } from '../sample-set.ts';
import { startServices, withStore } from '../services.ts';
import { renderShards } from '../scoring.ts';
import type { Scoring } from '../scoring.ts';

/** Rendered pictures of a pipeline's data set, drawn evenly, and what is known of the whole. */
export interface PlanSample {
  readonly model: ModelDescription;
  readonly side: LocalSide;
  /** Usable pictures in the whole set. */
  readonly total: number;
  /** Reading and rendering one picture, in seconds. */
  readonly renderSeconds: number;
}

type Bench = Pick<Scoring, 'decoder' | 'dir'>;

/** DATASET_* where the set can't be read. The object store is asked for only where the pictures lie in it. */
export async function planSample(
  bench: Bench,
  config: PipelineConfig,
  count: number,
  output: Output,
): Promise<PlanSample> {
  const known = settings();
  const draw = (store: Parameters<typeof samplePictures>[0]) =>
    samplePictures(store, config, known, { count, scratchDir: bench.dir });
  const inStore = /^s3:\/\//i.test(config.dataset.source);
  if (inStore) await startServices(output);
  const { classes, pictures, total } = await (inStore ? withStore(draw) : draw(null));
  const { backbone } = config.model;
  const model: ModelDescription = describeModel(config.model, {
    ...{ classes: [...classes], image: inputImage(config.image, backbone) },
    normalization: backboneFacts[backbone].normalization,
  });
  const side: LocalSide = { rows: 0, shards: [] };
  const begunMs = performance.now();
  for await (const shard of renderShards(bench, { model }, pictures, () => undefined)) {
    side.shards.push({ path: shard.path, rows: shard.pictures.length });
    side.rows += shard.pictures.length;
  }
  const renderSeconds = (performance.now() - begunMs) / 1000 / Math.max(1, side.rows);
  return { model, side, total, renderSeconds };
}
