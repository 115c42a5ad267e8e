import { totalmem } from 'node:os';
import { Settled } from '../../contracts/auto-config.ts';
import { PrepareOutput } from '../../contracts/manifests.ts';
import { PipelineConfig } from '../../contracts/pipeline-config.ts';
import type { SettleInput, SettleResult } from '../../contracts/stages.ts';
import { withSettled } from '../../core/advice/settle-autos.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Json } from '../../core/canonical-json.ts';
import { MEASURED } from '../../core/training/measured-normalization.ts';
import { currentActivity } from '../lib/activity-context.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { sha256Of } from '../lib/hash.ts';
import { localSide } from '../lib/local-side.ts';
import { normalizationFor } from '../lib/normalization.ts';
import { preparedHash } from '../lib/prepared-hash.ts';
import { withScratch } from '../lib/scratch.ts';
import { cachedStage, requireStage } from '../lib/stage.ts';
import type { TrainPorts } from '../ports.ts';
import { settleBatchSize, settleRate, settleStrategy } from './settle.ts';
import type { Settling } from './settle.ts';

/** Raise it when the same input would be settled otherwise. */
const CODE_VERSION = 1;
const MIB = 2 ** 20;

/**
 * Measures what graft.yaml says `auto` to, once for the same pictures and settings: the answer is a stage's output, so a
 * run that is resumed, extended or started again trains with the same values.
 */
export function createAdviseActivities(ports: TrainPorts) {
  return {
    settleAutos: atActivityEdge(async (given: SettleInput): Promise<SettleResult> => {
      const config = PipelineConfig.parse(given.config);
      const activity = currentActivity();
      const prepared = await requireStage(ports.store, given.prepareManifestKey, PrepareOutput);
      const { backbone, weights: named, strategy } = config.model;
      const weights = strategy === 'scratch' ? null : await ports.fetchWeights(backbone, named);
      // Where nobody sets a limit half of the machine is a training's.
      const limitMb = config.train.memoryLimitMb ?? Math.floor(totalmem() / MIB / 2);
      const answer = await cachedStage({
        ...{ store: ports.store, clock: ports.clock, signal: activity.signal, stage: 'advise' },
        codeVersion: CODE_VERSION,
        addressedBy: addressOf(ports, config, prepared, weights?.sha256 ?? null, limitMb),
        output: Settled,
        compute: () =>
          withScratch(ports, 'advise', async (workDir) => {
            activity.heartbeat({ stage: 'advise' });
            const side = await localSide(ports, prepared.sides.train, activity);
            const normalization = await normalizationFor(ports, config, prepared, activity);
            const base = { ports, activity, prepared, normalization, side, workDir, limitMb };
            const weightsPath = weights?.path ?? null;
            return { output: await settle({ ...base, weightsPath, config }), parts: [] };
          }),
      });
      const settled = withSettled(config, answer.output);
      return { stage: 'advise', ...answer, summary: summaryOf(answer.output), config: settled };
    }),
  };
}

/** Each in the light of what was settled before it. */
async function settle(from: Settling): Promise<Settled> {
  let found: Settled = { why: [] };
  const asked = new Set(from.config.auto);
  for (const [key, step] of [
    ['model.strategy', settleStrategy],
    ['train.batchSize', settleBatchSize],
    ['train.optimizer.learningRate', settleRate],
  ] as const) {
    if (!asked.has(key)) continue;
    const { why, ...values } = await step({ ...from, config: withSettled(from.config, found) });
    found = { ...found, ...values, why: [...found.why, ...why] };
  }
  return found;
}

/** What the answer hangs on; not how long the training is, so that a longer one of the same kind is settled alike. */
function addressOf(
  ports: TrainPorts,
  { image, model, train, augment, auto = [] }: PipelineConfig,
  prepared: PrepareOutput,
  weightsSha256: string | null,
  limitMb: number,
): Record<string, Json> {
  const { weights: _, ...network } = model;
  const { optimizer, batchSize, seed, labelSmoothing, clipNorm, backboneRate, threads } = train;
  const told = { optimizer, batchSize, seed, labelSmoothing, clipNorm, backboneRate };
  return {
    auto: [...auto].sort(),
    prepared: preparedHash(prepared, ['train']),
    ...(image.normalization === MEASURED ? { normalization: MEASURED } : {}),
    ...{ weightsSha256, threads: threads ?? ports.ml.defaultThreads },
    arch: process.arch,
    limitMb: auto.includes('train.batchSize') ? limitMb : null,
    settings: sha256Of(canonicalJson(JSON.parse(JSON.stringify({ network, told, augment })))),
  };
}

function summaryOf({ strategy, lastN, cut, learningRate, batchSize }: Settled): string {
  const parts = [
    ...(strategy === undefined ? [] : [`strategy ${strategy}`]),
    ...(strategy === 'last-n' && lastN !== undefined ? [`lastN ${lastN}`] : []),
    ...(cut == null ? [] : [`cut ${cut}`]),
    ...(batchSize === undefined ? [] : [`batchSize ${batchSize}`]),
    ...(learningRate === undefined ? [] : [`learningRate ${learningRate.toPrecision(2)}`]),
  ];
  return `auto: ${parts.join(', ')}`;
}
