import { FeaturesOutput } from '../../contracts/manifests.ts';
import type { BlobRef, FeatureShard, ModelDescription } from '../../contracts/manifests.ts';
import type { FeaturesJob, LocalSide, MlEvent, StagedShard } from '../../contracts/ml-protocol.ts';
import type { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { GraftError, transientError } from '../../core/errors.ts';
import type { RunId } from '../../core/ids.ts';
import type { KeptCodes } from '../../core/training/frozen-figures.ts';
import { codeShards } from '../../core/training/frozen-prefix.ts';
import type { RunningActivity } from '../lib/activity-context.ts';
import { localSide } from '../lib/local-side.ts';
import { mapOrdered } from '../lib/map-ordered.ts';
import { sweepScratch } from '../lib/scratch.ts';
import { commitStage, readStage, sharedPrefix, stageManifestKey } from '../lib/stage.ts';
import type { TrainPorts } from '../ports.ts';
import { FEATURES_CODE_VERSION } from './features-plan.ts';
import type { FeaturesPlan, PlannedPass } from './features-plan.ts';
import { superviseFeatures } from './features-session.ts';

export interface CodesRequest {
  readonly ports: TrainPorts;
  readonly activity: RunningActivity;
  readonly runId: RunId;
  readonly config: PipelineConfig;
  readonly model: ModelDescription;
  readonly weightsPath: string | null;
  readonly weightsHold: FeaturesJob['weightsHold'];
  readonly threads: number;
  readonly plan: FeaturesPlan;
  onEvent(event: MlEvent): void;
}

/** Both sides behind the frozen prefix, on the local disk; null where the child was told to stop before they were whole. */
export interface FrozenCodes {
  readonly variants: number;
  readonly train: LocalSide;
  readonly validation: LocalSide;
  readonly kept: KeptCodes;
}

/** Shards that are downloaded at once. */
const DOWNLOADS_AT_ONCE = 4;
/** What says that this one shard is gone or damaged: it is computed again. Anything else is the store's trouble. */
const LOST: ReadonlySet<string> = new Set(['STORE_NOT_FOUND', 'STORE_CORRUPT']);

interface Held {
  readonly blob: FeatureShard;
  readonly path: string;
}

/** A pass, what the store says of it, and which of its shards are on this disk. */
interface PassState {
  readonly pass: PlannedPass;
  /** Where its shards are stored. */
  readonly prefix: string;
  readonly known: FeaturesOutput | null;
  readonly shards: (Held | null)[];
  /** Of the shards that this attempt's child gave: rows, those of them whose time is known, and that time. */
  computed: { rows: number; timedRows: number; seconds: number };
}

/**
 * Brings the codes of a training to this disk: from the store, or else computed, shared under their content address
 * (docs/adr/0024). A shard that is gone or damaged there is computed again.
 */
export async function frozenCodes(request: CodesRequest): Promise<FrozenCodes | null> {
  const { ports, plan } = request;
  const states: PassState[] = [];
  for (const pass of plan.passes) states.push(await lookUp(request, pass));
  const lacking = states.filter((state) => state.shards.includes(null));
  if (lacking.length > 0) {
    await sweepScratch(ports, 'features');
    if ((await compute(request, lacking)) === 'stopped') return null;
    for (const state of lacking) states[states.indexOf(state)] = await commit(request, state);
  }
  const validation = states.at(-1);
  if (!validation) throw new Error('no passes');
  const sides = states.slice(0, -1);
  return {
    variants: sides.length,
    train: { rows: sides[0]?.pass.pixels.rows ?? 0, shards: sides.flatMap(localShards) },
    validation: { rows: validation.pass.pixels.rows, shards: localShards(validation) },
    kept: keptCodes(request, states),
  };
}

async function lookUp({ ports, activity }: CodesRequest, pass: PlannedPass): Promise<PassState> {
  const wanted = codeShards(pass.pixels.rows);
  const { store, clock } = ports;
  const prefix = await sharedPrefix({ store, clock, signal: activity.signal }, 'features', pass.key);
  const found = await readStage(store, stageManifestKey('features', pass.key), FeaturesOutput);
  const fits = found?.output.shards.length === wanted.length;
  const known =
    found && fits && found.output.shards.every(({ rows }, i) => rows === wanted[i]?.rows) ? found.output : null;
  const shards: (Held | null)[] = [];
  const fetch = async (blob: FeatureShard): Promise<Held | null> => {
    activity.heartbeat({ fetching: blob.key });
    try {
      return { blob, path: await ports.files.fetch(blob, activity.signal) };
    } catch (error) {
      if (!(error instanceof GraftError) || !LOST.has(error.code)) throw error;
      activity.warn(`codes ${blob.key} are computed again: ${error.message}`);
      return null;
    }
  };
  for await (const held of mapOrdered(known?.shards ?? [], DOWNLOADS_AT_ONCE, fetch)) shards.push(held);
  return {
    pass,
    prefix,
    known,
    shards: known ? shards : wanted.map(() => null),
    computed: { rows: 0, timedRows: 0, seconds: 0 },
  };
}

async function compute(request: CodesRequest, states: readonly PassState[]): Promise<'extracted' | 'stopped'> {
  const { ports, activity, config, model, weightsPath, weightsHold, threads, plan } = request;
  const passes: FeaturesJob['passes'] = [];
  for (const { pass, shards } of states) {
    passes.push({
      side: await localSide(ports, pass.pixels, activity),
      shards: shards.flatMap((held, index) => (held === null ? [index] : [])),
      variant: pass.variant,
      outputDir: await ports.files.scratch('features', pass.key),
    });
  }
  const { lastN } = config.model;
  const weights = { weightsPath, weightsHold };
  const learning = { model, lastN, ...weights, seed: config.train.seed, augment: config.augment, type: plan.type };
  const end = await superviseFeatures({
    ports,
    threads,
    job: { kind: 'features', ...learning, passes },
    signal: activity.signal,
    onEvent: (event) => request.onEvent(event),
    store: (staged) => store(request, states, staged),
  });
  if (end === 'stopped') return end;
  const missing = states.find(({ shards }) => shards.includes(null));
  if (missing) throw transientError('FEATURES_SHORT', 'ML process', 'it ended without all shards', 'all of them');
  for (const { pass } of states) await ports.files.removeScratch('features', pass.key);
  return end;
}

/** Under a key that says what it is: two at once can't mix, and a damaged object is mended by the same bytes. */
async function store(
  { ports, activity }: CodesRequest,
  states: readonly PassState[],
  staged: StagedShard,
): Promise<void> {
  const state = states[staged.pass];
  if (!state || state.shards[staged.index] === undefined)
    throw new Error(`shard ${staged.index} of pass ${staged.pass}`);
  const { sha256, sizeBytes, rows, seconds, path } = staged;
  const key = `${state.prefix}${sha256}.safetensors`;
  await ports.store.putFile(key, path, sha256, { signal: activity.signal }).catch((error: unknown) => {
    if (!(error instanceof GraftError) || error.code !== 'FILE_MISSING') throw error;
    // An attempt that lost its heartbeat may still be at work beside this one.
    throw transientError('FEATURES_GONE', path, 'no such file', 'what the child has just written', undefined, error);
  });
  const blob = { key, sha256, sizeBytes, rows };
  state.shards[staged.index] = { blob, path: await ports.files.adopt(blob, path) };
  state.computed.rows += rows;
  if (seconds === null) return;
  state.computed.timedRows += rows;
  state.computed.seconds += seconds;
}

/**
 * The manifest, last. Where another worker was faster, its codes are taken: they may differ in the last bits on another
 * kind of processor, and whoever resumes this run will find those.
 */
async function commit(request: CodesRequest, state: PassState): Promise<PassState> {
  const { ports, activity, plan, runId } = request;
  const { pass, known } = state;
  const shards = state.shards.flatMap((held) => (held ? [held.blob] : []));
  if (known && sameBytes(known.shards, shards)) return state;
  const { rows, timedRows, seconds } = state.computed;
  const output: FeaturesOutput = {
    type: plan.type,
    rows: pass.pixels.rows,
    shards,
    seconds: known ? known.seconds : timedRows > 0 ? (seconds / timedRows) * rows : 0,
    runId,
  };
  const stage = {
    ...{ store: ports.store, clock: ports.clock, signal: activity.signal, stage: 'features' as const },
    ...{ codeVersion: FEATURES_CODE_VERSION, addressedBy: pass.addressedBy, output: FeaturesOutput },
  };
  const made = { output, parts: shards };
  const answer = await commitStage(stage, made, known ? 'replace' : 'first-wins');
  if (sameBytes(answer.output.shards, shards)) return state;
  const theirs = await lookUp(request, pass);
  if (theirs.known && !theirs.shards.includes(null)) return { ...theirs, computed: state.computed };
  await commitStage(stage, made, 'replace');
  return state;
}

const sameBytes = (a: readonly BlobRef[], b: readonly BlobRef[]): boolean =>
  a.length === b.length && a.every(({ sha256 }, index) => sha256 === b[index]?.sha256);

const localShards = ({ shards }: PassState): LocalSide['shards'] =>
  shards.flatMap((held) => (held ? [{ path: held.path, rows: held.blob.rows }] : []));

/** What an earlier attempt of this run left counts as this run's own work. */
function keptCodes({ runId, plan }: CodesRequest, states: readonly PassState[]): KeptCodes {
  const training = states[0]?.pass.pixels.rows ?? 0;
  let kept = { computed: 0, seconds: 0, reused: 0, reusedSeconds: 0 };
  for (const { pass, known, computed } of states) {
    const { rows } = pass.pixels;
    const [found, share] = [rows - computed.rows, rows === 0 ? 0 : (rows - computed.rows) / rows];
    const own = known?.runId === runId;
    const before = (known?.seconds ?? 0) * share;
    const { timedRows, seconds } = computed;
    kept = {
      computed: kept.computed + computed.rows + (own ? found : 0),
      seconds: kept.seconds + (timedRows > 0 ? (seconds / timedRows) * computed.rows : 0) + (own ? before : 0),
      reused: kept.reused + (own ? 0 : found),
      reusedSeconds: kept.reusedSeconds + (own ? 0 : before),
    };
  }
  const others = states.flatMap(({ known, computed, pass }) =>
    known && known.runId !== runId && computed.rows < pass.pixels.rows ? [known.runId] : [],
  );
  const images = training + (states.at(-1)?.pass.pixels.rows ?? 0);
  return { images, variants: plan.variants, ...kept, reusedFrom: others[0] ?? null };
}
