import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createTrainActivities } from '../../activities/train/train.ts';
import { FeaturesJob, TrainJob } from '../../contracts/ml-protocol.ts';
import type { MlJob, StagedCheckpoint } from '../../contracts/ml-protocol.ts';
import { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { TrainStageResult } from '../../contracts/stages.ts';
import type { TrainInput } from '../../contracts/stages.ts';
import { asRunId } from '../../core/ids.ts';
import { codeShards } from '../../core/training/frozen-prefix.ts';
import type { RunId } from '../../core/ids.ts';
import { createFakeClock } from './clock.ts';
import type { FakeClock } from './clock.ts';
import { createMemoryObjectStore } from './memory-object-store.ts';
import type { MemoryObjectStore } from './memory-object-store.ts';
import { mockActivity } from './mock-activity.ts';
import type { MockActivity } from './mock-activity.ts';
import { createScriptedMlRunner } from './scripted-ml-runner.ts';
import type { Script, ScriptHost, ScriptedMlRunner } from './scripted-ml-runner.ts';
import { epochMetrics, hashOf, putPrepared } from './stage-fixtures.ts';
import { stageAt } from './staged-checkpoint.ts';
import { fakePorts } from './train-ports.ts';
import type { FakePorts } from './train-ports.ts';

export interface TrainSetup {
  /** A machine has a disk of its own. */
  readonly machine?: string;
  readonly env?: MockActivity;
  readonly input?: TrainInput;
  readonly clock?: FakeClock;
}

/** The training stage on a store in memory, with scripts in the place of its child processes. */
export interface TrainWorld {
  readonly store: MemoryObjectStore;
  /** A pipeline of tiny-cnn with some keys of its file changed. */
  inputWith(change?: { train?: object; model?: object; image?: object; augment?: object }, runId?: RunId): TrainInput;
  /** Runs the activity with one script a child process. */
  train(
    scripts: readonly Script[],
    setup?: TrainSetup,
  ): { ml: ScriptedMlRunner; ports: FakePorts; result: Promise<TrainStageResult> };
  /** Waits until the store has `count` checkpoints: uploads go on beside the next steps. */
  committed(count: number): Promise<void>;
  checkpoints(): string[];
}

export const RUN = asRunId('pets-1');

export async function createTrainWorld(
  dir: string,
  store = createMemoryObjectStore(),
  prepared: Parameters<typeof putPrepared>[1] = {},
): Promise<TrainWorld> {
  const { manifestKey: prepareManifestKey } = await putPrepared(store, prepared);
  const checkpoints = (): string[] => store.keys().filter((key) => /checkpoints\/.*manifest\.json$/.test(key));
  const inputWith: TrainWorld['inputWith'] = (change = {}, runId = RUN) => {
    const model = { backbone: 'tiny-cnn', weights: 'random', strategy: 'scratch', ...change.model };
    const config = PipelineConfig.parse({ name: 'pets', dataset: { source: './pets' }, ...change, model });
    return { runId, config, prepareManifestKey };
  };
  return {
    store,
    inputWith,
    train(scripts, { machine = 'a', env = mockActivity(), input = inputWith(), clock = createFakeClock() } = {}) {
      const ml = createScriptedMlRunner(scripts);
      const ports = fakePorts({ store, dir: join(dir, machine), ml, clock });
      const { trainModel } = createTrainActivities(ports);
      const running: Promise<unknown> = env.run(trainModel, input);
      return { ml, ports, result: running.then((answer) => TrainStageResult.parse(answer)) };
    },
    async committed(count) {
      while (checkpoints().length < count) await new Promise((resolve) => setImmediate(resolve));
    },
    checkpoints,
  };
}

export const jobOf = (job: MlJob | undefined): TrainJob => TrainJob.parse(job);

export function ready({ emit }: ScriptHost): void {
  const versions = { backend: 'tensorflow', tensorflow: '2.21.0', device: 'cpu', arch: 'x64' };
  emit({
    kind: 'ready',
    environment: { ...versions, threads: 2, oneDnn: true, engine: 'compiled', kernels: null, parts: 1 },
  });
}

export async function checkpoint(host: ScriptHost, step: number): Promise<StagedCheckpoint> {
  const staged = await stageAt(join(jobOf(host.job).workDir, 'checkpoints'), step);
  host.emit({ kind: 'checkpoint', staged });
  return staged;
}

export const WEIGHTS = 'the weights';

export async function finish({ job, emit }: ScriptHost): Promise<void> {
  const { workDir } = jobOf(job);
  await mkdir(workDir, { recursive: true });
  const weightsPath = join(workDir, 'model.safetensors');
  await writeFile(weightsPath, WEIGHTS);
  const [best, last] = [epochMetrics(5), epochMetrics(5)];
  const counts = { steps: 50, epochs: 5, bestEpoch: 5, trainableParameters: 10, totalParameters: 10 };
  const weights = { weightsPath, weightsSha256: hashOf(WEIGHTS), sizeBytes: WEIGHTS.length };
  emit({ kind: 'trained', result: { ...weights, ...counts, stoppedEarly: false, findings: [], best, last } });
}

/** A child that trains to the end. */
export const trains: Script = async (host) => {
  ready(host);
  await finish(host);
};

/**
 * A child that makes codes: bytes that hang on the pixels, the draw and the type, as the real ones do; `salt` as if another
 * processor had computed them. A word for each image, then one for the file.
 */
export const extractsAs =
  (salt: string): Script =>
  async (host) => {
    const job = FeaturesJob.parse(host.job);
    ready(host);
    for (const [pass, { side, shards, variant, outputDir }] of job.passes.entries()) {
      for (const { index, rows } of codeShards(side.rows).filter((shard) => shards.includes(shard.index))) {
        const pixels = side.shards.map(({ path }) => basename(path));
        const bytes = JSON.stringify([pixels, variant, job.type, index, salt]);
        const [sha256, sizeBytes] = [hashOf(bytes), Buffer.byteLength(bytes)];
        const path = join(outputDir, `${index}-${sha256}`);
        await writeFile(path, bytes);
        host.emit({ kind: 'features', done: rows, total: side.rows });
        host.emit({ kind: 'shard', staged: { pass, index, path, rows, sha256, sizeBytes, seconds: rows / 4 } });
      }
    }
    host.emit({ kind: 'extracted' });
  };
export const extracts: Script = extractsAs('');

/** What a child does that is given either job. */
export const works: Script = (host) => (host.job.kind === 'features' ? extracts(host) : trains(host));
