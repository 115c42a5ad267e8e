/** The stages of a run one after another, without a workflow: real activities over memory, with a scripted trainer. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { createEvaluateActivities } from '../../activities/evaluate/evaluate.ts';
import { createGateActivities } from '../../activities/gate/gate.ts';
import { createIngestActivities } from '../../activities/ingest/ingest.ts';
import { createPrepareActivities } from '../../activities/prepare/prepare.ts';
import { createSplitActivities } from '../../activities/split/split.ts';
import { createTrainActivities } from '../../activities/train/train.ts';
import { createValidateActivities } from '../../activities/validate/validate.ts';
import type { TrainPorts } from '../../activities/ports.ts';
import { PipelineConfig } from '../../contracts/pipeline-config.ts';
import type { StageSummary } from '../../contracts/run.ts';
import type { CachedStage } from '../../contracts/cache-config.ts';
import { inputImage } from '../../core/backbone-facts.ts';
import { asRunId } from '../../core/ids.ts';
import { createFakeDataPorts } from '../fakes/data-ports.ts';
import type { FakeDataPorts } from '../fakes/data-ports.ts';
import type { FakeClock } from '../fakes/clock.ts';
import { createFakeClock } from '../fakes/clock.ts';
import { mockActivity } from '../fakes/mock-activity.ts';
import { evaluates, weightsThatHit } from '../fakes/scripted-evaluation.ts';
import { createScriptedMlRunner } from '../fakes/scripted-ml-runner.ts';
import type { Script } from '../fakes/scripted-ml-runner.ts';
import { epochMetrics, hashOf } from '../fakes/stage-fixtures.ts';
import { jobOf, ready } from '../fakes/train-stage.ts';

export interface WholeRun extends TrainPorts {
  readonly store: FakeDataPorts['store'];
  readonly source: FakeDataPorts['source'];
  readonly clock: FakeClock;
  remove(): Promise<void>;
}

/** Weights that hang on what is learnt and on nothing else, as the real ones do. */
const trainsByJob: Script = async (host) => {
  const { workDir } = jobOf(host.job);
  const told = JSON.stringify(host.job, (key, value: unknown) => (/path|dir/i.test(key) ? undefined : value));
  const weights = weightsThatHit(90, createHash('sha256').update(told).digest('hex'));
  ready(host);
  await mkdir(workDir, { recursive: true });
  const weightsPath = join(workDir, 'model.safetensors');
  await writeFile(weightsPath, weights);
  const counts = { steps: 50, epochs: 5, bestEpoch: 5, trainableParameters: 10, totalParameters: 10 };
  const blob = { weightsPath, weightsSha256: hashOf(weights), sizeBytes: weights.length };
  const [best, last] = [epochMetrics(5), epochMetrics(5)];
  host.emit({ kind: 'trained', result: { ...blob, ...counts, stoppedEarly: false, findings: [], best, last } });
};

export async function wholeRun(files: Readonly<Record<string, string>>): Promise<WholeRun> {
  const data = await createFakeDataPorts(files);
  const works: Script = (host) => (host.job.kind === 'evaluate' ? evaluates(host) : trainsByJob(host));
  return {
    ...data,
    clock: createFakeClock(),
    ml: createScriptedMlRunner(Array.from({ length: 200 }, () => works)),
    fetchWeights: () => Promise.resolve(null),
    graftVersion: '0.0.0-test',
    host: 'test',
  };
}

/** Runs a graft.yaml up to the gate, as retrainWorkflow does, an hour after the run before. */
export async function runStages(ports: WholeRun, yaml: string, runId: string): Promise<StageSummary[]> {
  ports.clock.advance(3_600_000);
  const config = PipelineConfig.parse(parse(yaml));
  const { dataset, cache } = config;
  const startMs = ports.clock.nowMs();
  const done: StageSummary[] = [];
  const fresh = (stage: CachedStage) => {
    if (cache.bypass.includes(stage)) return { fresh: { since: iso(startMs), because: 'bypassed' as const } };
    const days = cache.maxAgeDays[stage];
    return days === undefined
      ? {}
      : { fresh: { since: iso(startMs - days * 86_400_000), because: 'expired' as const } };
  };
  const stage = async <I, O extends Answer>(name: CachedStage, activity: (input: I) => Promise<O>, input: I) => {
    const answer: O = await mockActivity().run(activity, { ...input, ...fresh(name) });
    const { cached, summary, manifestKey, remade } = answer;
    done.push({ name, cached, seconds: 0, summary, manifestKey, ...(remade ? { remade } : {}) });
    return answer;
  };
  const id = asRunId(runId);
  const datasetName = dataset.name ?? config.name;
  const { ingestDataset, readShare } = createIngestActivities(ports);
  const reading = { dataset, datasetName, runId: id };
  for (let index = 0; index < dataset.workers && dataset.workers > 1; index++) {
    await mockActivity().run(readShare, { ...reading, share: { index, of: dataset.workers } });
  }
  const { output } = await stage('ingest', ingestDataset, reading);
  const datasetManifestKey = output.manifestKey;
  const { manifestKey: validateManifestKey } = await stage(
    'validate',
    createValidateActivities(ports).validateDataset,
    {
      ...{ datasetManifestKey, quarantined: output.quarantined, dataset, image: config.image, model: config.name },
      ...{ backbone: config.model.backbone, alias: config.promote.alias },
    },
  );
  const { manifestKey: splitManifestKey } = await stage('split', createSplitActivities(ports).splitDataset, {
    ...{ datasetManifestKey, datasetName, split: dataset.split, validateManifestKey },
  });
  const { manifestKey: prepareManifestKey } = await stage('prepare', createPrepareActivities(ports).prepareImages, {
    ...{ datasetManifestKey, splitManifestKey, image: inputImage(config.image, config.model.backbone) },
    sides: ['train' as const, 'validation' as const, 'test' as const],
  });
  const { manifestKey: trainManifestKey } = await stage('train', createTrainActivities(ports).trainModel, {
    ...{ runId: id, config, prepareManifestKey },
  });
  const { manifestKey: evaluateManifestKey } = await stage('evaluate', createEvaluateActivities(ports).evaluateModel, {
    ...{ trainManifestKey, prepareManifestKey },
  });
  await stage('gate', createGateActivities(ports).decidePromotion, {
    ...{ model: config.promote.model ?? config.name, promote: config.promote },
    evidence: {
      ...{ runId: id, datasetName, datasetManifestKey, splitManifestKey, prepareManifestKey },
      ...{ trainManifestKey, evaluateManifestKey },
    },
  });
  return done;
}

type Answer = Pick<StageSummary, 'cached' | 'summary' | 'remade'> & { readonly manifestKey: string };
const iso = (ms: number): string => new Date(ms).toISOString();
