import { join } from 'node:path';
import type { MeasureResult } from '../../../contracts/measure-jobs.ts';
import type { MlEvent } from '../../../contracts/ml-protocol.ts';
import type { PipelineConfig } from '../../../contracts/pipeline-config.ts';
import type { Measured } from '../../../core/advice/estimate.ts';
import { earlyCuts } from '../../../core/advice/early-cuts.ts';
import { defaultProbe, probeRows } from '../../../core/advice/probe.ts';
import type { ProbeFigures } from '../../../core/advice/situation.ts';
import { asSha256 } from '../../../core/ids.ts';
import { isLinear, trainingReads } from '../../../core/training/frozen-prefix.ts';
import type { Output } from '../../output.ts';
import { runJob } from '../scoring.ts';
import type { Scoring } from '../scoring.ts';
import type { PlanSample } from './sample.ts';

type Bench = Pick<Scoring, 'ml' | 'dir'>;

/** What a few steps of this pipeline take here, in a child of their own, as a training would be in. */
export async function measureTraining(
  bench: Bench,
  config: PipelineConfig,
  { model, side }: PlanSample,
  { steps, weightsPath }: { readonly steps: number; readonly weightsPath: string | null },
): Promise<Measured> {
  const { strategy, lastN, cut } = config.model;
  // Until the child says that it is ready it loads TensorFlow.
  const begunMs = performance.now();
  let readySeconds = 0;
  let measured: MeasureResult | null = null;
  const onEvent = (event: MlEvent): void => {
    if (event.kind === 'ready') readySeconds = (performance.now() - begunMs) / 1000;
  };
  const event = await runJob(
    bench.ml,
    {
      kind: 'measure',
      train: {
        ...{ kind: 'train', workDir: join(bench.dir, 'measure'), lastN, reads: { kind: 'pixels' } },
        // Solved or not, what is frozen is the same.
        model: { ...model, strategy: isLinear(strategy) ? 'head' : strategy, ...(cut === null ? {} : { cut }) },
        ...{ weightsPath, train: side, validation: side, config: config.train, augment: config.augment },
        ...{ dataOrderSha256: asSha256('0'.repeat(64)), resume: null },
      },
      keepsCodes: trainingReads(config.model, config.augment, config.train.epochs).kind === 'codes',
      steps,
    },
    onEvent,
  );
  if (event.kind === 'measured') measured = event.measured;
  if (measured === null) throw new Error('a measurement without a result');
  return { readySeconds, ...measured };
}

/** How well pretrained codes separate the classes of the sample. */
export async function probeSample(
  bench: Bench,
  { model, side }: PlanSample,
  { weightsPath, images }: { readonly weightsPath: string | null; readonly images: number },
  output: Output,
): Promise<ProbeFigures> {
  const bar = output.progress('probe');
  try {
    const event = await runJob(
      bench.ml,
      {
        ...{
          kind: 'probe',
          workDir: join(bench.dir, 'probe'),
          model: { ...model, strategy: 'head' },
          weightsPath,
          side,
        },
        ...{ rows: probeRows(side.rows, images), cuts: earlyCuts(model.backbone), options: defaultProbe },
      },
      (said) => {
        if (said.kind === 'features') bar.update(said.done, said.total);
      },
    );
    if (event.kind === 'probed') return event.probe;
  } finally {
    bar.stop();
  }
  throw new Error('a probe without a result');
}
