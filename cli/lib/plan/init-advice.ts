import { PipelineConfig } from '../../../contracts/pipeline-config.ts';
import { advise } from '../../../core/advice/advise.ts';
import type { Advice } from '../../../core/advice/advise.ts';
import type { ProbeFigures } from '../../../core/advice/situation.ts';
import type { LookedAt } from '../../../core/dataset/dataset-look.ts';
import { GraftError } from '../../../core/errors.ts';
import { settings } from '../../../infra/config.ts';
import { fetchWeights } from '../../../infra/native/weights-fetch.ts';
import type { Output } from '../../output.ts';
import type { LocalData } from '../local-data.ts';
import { withPictures } from '../scoring.ts';
import { probeSample } from './measure.ts';
import { planSample } from './sample.ts';

/** Pictures that are sent through the network. */
const PROBED = 300;

/** What `graft init` advises: by size and measured likeness, or by size alone where that can't be had; then it says so. */
export async function adviceOnData(
  data: LocalData,
  { statistics }: LookedAt['report'],
  probe: boolean,
  output: Output,
): Promise<Advice> {
  const config = PipelineConfig.parse({
    name: 'init',
    dataset: data.target.dataset,
    image: { color: statistics.gray === statistics.images ? 'gray' : 'rgb' },
  });
  const classes = Object.keys(statistics.perClass).length;
  const wanted = probe && data.task === 'classification' && classes > 1;
  const { test, validation } = config.dataset.split;
  return advise({
    images: Math.round(statistics.images * (1 - test - validation)),
    ...{ classes, backbone: config.model.backbone, pretrained: true },
    probe: wanted ? await measured(config, output) : null,
    gray: config.image.color === 'gray',
    ...{ augmenting: false, batchSize: config.train.batchSize },
  });
}

async function measured(config: PipelineConfig, output: Output): Promise<ProbeFigures | null> {
  try {
    const weights = await fetchWeights(config.model.backbone, config.model.weights, settings());
    return await withPictures(async (bench) => {
      const sample = await planSample(bench, config, PROBED, output);
      return probeSample(bench, sample, { weightsPath: weights?.path ?? null, images: PROBED }, output);
    });
  } catch (error) {
    if (!(error instanceof GraftError)) throw error;
    output.warn(`WARNING: the pictures could not be compared with what the network knows: ${error.message}`);
    return null;
  }
}
