import { rootCause } from '@temporalio/common';
import { CancellationScope, isCancellation, log, setHandler } from '@temporalio/workflow';
import { inputImage } from '../core/backbone-facts.ts';
import { ApprovalDesk, timeoutFailure } from './approval.ts';
import type { ApprovalVerdict } from '../contracts/approval.ts';
import type { PinnedData, RetrainInput, RunReport } from '../contracts/run.ts';
import type { RetrainingPlan } from '../contracts/retraining.ts';
import type { AskApprovalInput, Evidence, PrepareInput, Share } from '../contracts/stages.ts';
import { CHAMPION } from '../core/training/warm-start.ts';
import { bookkeeping, dataStages, evaluation, training } from './activity-options.ts';
import { freshness } from './freshness.ts';
import { approvalUpdate, cancelRunSignal, progressQuery, trainingProgressSignal } from './messages.ts';
import { approvalMessage, endMessage, tellPeople } from './notify.ts';
import { planOf } from './plan-retraining.ts';
import { RunTracker } from './run-tracker.ts';

/**
 * ingest → validate → split → prepare → train → evaluate → gate → promote. Every stage is an activity with its own
 * content-addressed output; this code only passes references on. A refused promotion is a normal end.
 */
export async function retrainWorkflow(input: RetrainInput): Promise<RunReport> {
  const progress = new RunTracker(input);
  setHandler(progressQuery, () => progress.snapshot());
  setHandler(trainingProgressSignal, (update) => progress.trainingAt(update));

  const desk = new ApprovalDesk(input.runId);
  setHandler(approvalUpdate, (answer) => desk.take(answer), { validator: (answer) => desk.check(answer) });

  const scope = new CancellationScope();
  setHandler(cancelRunSignal, ({ reason }) => {
    log.info('cancel requested', { reason });
    scope.cancel();
  });

  let outcome: RunReport;
  try {
    await scope.run(() => pipeline(input, progress, desk));
    progress.finish('completed');
    outcome = progress.report();
  } catch (error) {
    const cancelled = isCancellation(error);
    progress.finish(cancelled ? 'cancelled' : 'failed');
    outcome = progress.report();
    await CancellationScope.nonCancellable(() => bookkeeping.closeRun(outcome));
    await tellPeople(input, endMessage(input, outcome, rootCause(error) ?? 'unknown', new Date()));
    if (cancelled) return outcome;
    throw error;
  }
  await bookkeeping.closeRun(outcome);
  await tellPeople(input, endMessage(input, outcome, '', new Date()));
  return outcome;
}

async function pipeline(input: RetrainInput, progress: RunTracker, desk: ApprovalDesk): Promise<void> {
  await bookkeeping.openRun(input);
  const prepared = input.data ? await pinnedData(input, input.data, progress) : await prepareData(input, progress);
  const { plan, ...data } = prepared;
  const { runId, leg } = input;
  const { prepareManifestKey } = data;
  const config = await settledConfig(input, prepareManifestKey, progress);
  const trained = await progress.stage('train', () =>
    training.trainModel({
      ...{ runId, config, prepareManifestKey },
      ...(leg ? { leg } : {}),
      ...startOf(config, plan),
      ...freshness(config, 'train'),
    }),
  );
  progress.trainingEnded(trained.output);
  if (input.trialOf !== undefined) progress.trainedTo(trained);
  progress.weightsAre(trained.output.weights.sha256);
  progress.found(trained.output.findings ?? []);
  if (input.trialOf !== undefined) return;
  const evaluated = await progress.stage('evaluate', () =>
    evaluation.evaluateModel({
      trainManifestKey: trained.manifestKey,
      prepareManifestKey: data.prepareManifestKey,
      runId: input.runId,
      ...freshness(config, 'evaluate'),
      ...(plan?.newest ? { newest: plan.newest.paths } : {}),
    }),
  );
  progress.scored(evaluated.output);
  await judge(input, progress, desk, {
    runId: input.runId,
    ...data,
    trainManifestKey: trained.manifestKey,
    evaluateManifestKey: evaluated.manifestKey,
  });
}

/** What is trained with: where the file says auto, what was measured on these pictures. */
async function settledConfig(
  { runId, config }: RetrainInput,
  prepareManifestKey: string,
  progress: RunTracker,
): Promise<RetrainInput['config']> {
  if (config.auto === undefined || config.auto.length === 0) return config;
  const found = await progress.stage('advise', () => training.settleAutos({ runId, config, prepareManifestKey }));
  progress.settledTo(found.output);
  return found.config;
}

/** The pictures that a sweep has read, rendered for this trial's network. */
async function pinnedData({ config }: RetrainInput, pinned: PinnedData, progress: RunTracker): Promise<ReadData> {
  const { dataset, plan = null, ...keys } = pinned;
  progress.datasetWas(dataset);
  return { ...keys, plan, ...(await preparedImages(config, keys, plan, progress)) };
}

/** The champion's weights, for who asks for them: of a sweep's trials perhaps some. */
function startOf({ model }: RetrainInput['config'], plan: RetrainingPlan | null) {
  return plan?.start && model.weights === CHAMPION ? { start: plan.start } : {};
}

async function preparedImages(
  config: RetrainInput['config'],
  keys: Pick<DataKeys, 'datasetManifestKey' | 'splitManifestKey'>,
  plan: RetrainingPlan | null,
  progress: RunTracker,
): Promise<Pick<DataKeys, 'prepareManifestKey'>> {
  const { image, model, dataset, task } = config;
  const { datasetManifestKey, splitManifestKey } = keys;
  const rendering: PrepareInput = {
    datasetManifestKey,
    splitManifestKey,
    image: inputImage(image, model.backbone),
    sides: ['train', 'validation', 'test'],
    ...freshness(config, 'prepare'),
    // Absent for classification: what older runs were given.
    ...(task === 'detection' ? { task } : {}),
    ...(plan?.train ? { only: plan.train.paths } : {}),
  };
  const { manifestKey } = await progress.stage('prepare', async () => {
    await Promise.all(sharesOf(dataset.workers).map((share) => dataStages.renderShare({ ...rendering, share })));
    return dataStages.prepareImages(rendering);
  });
  return { prepareManifestKey: manifestKey };
}

export type DataKeys = Pick<Evidence, 'datasetName' | 'datasetManifestKey' | 'splitManifestKey' | 'prepareManifestKey'>;

/** What was read, and what of it the training begins with and learns from. */
export type ReadData = DataKeys & { readonly plan: RetrainingPlan | null };

export async function prepareData(
  { runId, config }: RetrainInput,
  progress: RunTracker,
  trials?: { readonly fromChampion: boolean },
): Promise<ReadData> {
  const datasetName = config.dataset.name ?? config.name;
  const task = config.task === 'detection' ? { task: config.task } : {};
  const reading = { runId, dataset: config.dataset, datasetName, ...task, ...freshness(config, 'ingest') };
  const shares = sharesOf(config.dataset.workers);
  const ingested = await progress.stage('ingest', async () => {
    await Promise.all(shares.map((share) => dataStages.readShare({ ...reading, share })));
    return dataStages.ingestDataset(reading);
  });
  const { manifestKey: datasetManifestKey, quarantined } = ingested.output;
  progress.datasetIs(ingested.output);
  const validated = await progress.stage('validate', () =>
    dataStages.validateDataset({
      datasetManifestKey,
      quarantined,
      dataset: config.dataset,
      image: config.image,
      backbone: config.model.backbone,
      model: config.promote.model ?? config.name,
      alias: config.promote.alias,
      ...freshness(config, 'validate'),
    }),
  );
  progress.found(validated.output.findings);
  const split = await progress.stage('split', () =>
    dataStages.splitDataset({
      datasetManifestKey,
      datasetName,
      split: config.dataset.split,
      validateManifestKey: validated.manifestKey,
      ...freshness(config, 'split'),
    }),
  );
  const keys = { datasetManifestKey, splitManifestKey: split.manifestKey };
  const plan = await planOf({ runId, config }, keys, trials);
  progress.found(plan?.findings ?? []);
  return { datasetName, ...keys, plan, ...(await preparedImages(config, keys, plan, progress)) };
}

/** What several data workers do beforehand; nothing where one does it all, or where a run began before there were shares. */
export function sharesOf(workers: number | undefined): Share[] {
  if (workers === undefined || workers < 2) return [];
  return Array.from({ length: workers }, (_, index) => ({ index, of: workers }));
}

/** Of many runs that end at once each meets the winner of the round before; a run stands back after so many. */
const JUDGED_AT_MOST = 5;

async function judge(input: RetrainInput, progress: RunTracker, desk: ApprovalDesk, evidence: Evidence): Promise<void> {
  const { config, requestedBy } = input;
  const { name, promote } = config;
  const model = promote.model ?? name;
  for (let round = 1; ; round++) {
    const gated = await progress.stage('gate', () =>
      evaluation.decidePromotion({ model, promote, evidence, ...freshness(config, 'gate') }),
    );
    progress.decided(gated.output.rules);
    if (input.gateOnly) return;
    const decided = { model, promote, evidence, gateManifestKey: gated.manifestKey, requestedBy };
    const wanted = promote.approval === 'manual' && gated.output.decision === 'promote';
    const approval = wanted ? await askSomebody(input, progress, desk, { ...decided, round }) : null;
    const promoted = await progress.stage('promote', () =>
      bookkeeping.promoteModel({ ...decided, ...(approval ? { approval } : {}) }),
    );
    progress.modelIs(promoted.output);
    // Another run was promoted while this one was judged: it is compared with that one.
    if (promoted.output.overtakenBy === undefined || round === JUDGED_AT_MOST) return;
  }
}

/** Null where there is nothing to decide: the alias points at this very model already. */
async function askSomebody(
  input: RetrainInput,
  progress: RunTracker,
  desk: ApprovalDesk,
  asking: AskApprovalInput,
): Promise<ApprovalVerdict | null> {
  const { runId } = input;
  const asked = await bookkeeping.prepareApproval(asking);
  if (!asked) return null;
  const { model, promote, round } = asking;
  const verdict = await desk.wait({ round, ...asked }, promote.approvals, {
    onAsked: async (waiting) => {
      progress.waitsFor(waiting);
      await tellPeople(input, approvalMessage(input, progress.report(), waiting, new Date()));
    },
    onLate: (waiting) => tellPeople(input, approvalMessage(input, progress.report(), waiting, new Date())),
  });
  progress.answered(verdict);
  await bookkeeping.recordApproval({ kind: 'graft.approval/1', runId, model, alias: promote.alias, verdict });
  if (verdict.outcome === 'timed-out' && promote.approvals.onTimeout === 'fail') throw timeoutFailure(runId, verdict);
  return verdict;
}
