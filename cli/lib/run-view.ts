import pc from 'picocolors';
import { z } from 'zod';
import type { Finding, GateRule, StageName } from '../../contracts/manifests.ts';
import type { ApprovalWait } from '../../contracts/approval.ts';
import { TrainingProgress } from '../../contracts/run.ts';
import type { RunReport, StageSummary } from '../../contracts/run.ts';
import type { Output, ProgressBar } from '../output.ts';
import { newestTraining, stageOf } from '../../infra/clients/observation.ts';
import type { Observation, PendingWork } from '../../infra/clients/runs-client.ts';
import { sparkline } from './sparkline.ts';
import { count, duration, figure, moment } from './units.ts';

const Amount = z.object({ done: z.number(), total: z.number() });

/** How many lines a training leaves behind where every epoch would be too many. */
const EPOCH_LINES = 20;
/** Losses that are remembered, and blocks that are drawn of them. */
const MAX_LOSSES = 2_000;
const CHART_WIDTH = 16;

/** Shows a run as it goes: a line for each finished stage and epoch, and a bar for what is under way. */
export class RunView {
  private readonly output: Output;
  /** Whether a bar is redrawn in place; else it is lines, which must be few. */
  private readonly live: boolean;
  private bar: { readonly stage: StageName; readonly bar: ProgressBar; tenth: number } | null = null;
  private shown = 0;
  private epoch = 0;
  private trouble = '';
  /** Losses that were seen, for the line of blocks beside the bar. */
  private readonly losses: number[] = [];
  private waitedFor = 0;

  constructor(output: Output, live: boolean) {
    this.output = output;
    this.live = live;
  }

  update({ progress, pending, stuck = null }: Observation): void {
    if (progress) this.showStages(progress.stages);
    if (progress?.approval) this.showApproval(progress.runId, progress.approval);
    this.showTrouble(stuck === null ? failingTry(pending) : stuckText(stuck));
    const work = pending.find(({ started }) => started);
    const stage = progress?.stage ?? (work ? (stageOf[work.activity] ?? null) : null);
    if (stage === null) return;
    const training =
      stage === 'train' ? newestTraining(TrainingProgress.safeParse(work?.heartbeat).data, progress?.training) : null;
    if (training) this.showTraining(training);
    else {
      const amount = Amount.safeParse(work?.heartbeat);
      if (amount.success && amount.data.total > 0) this.advance(stage, amount.data.done, amount.data.total, '');
    }
  }

  /** A line between the others. */
  note(text: string): void {
    this.lift();
    this.output.warn(text);
  }

  /** The last lines, from the report: nothing is left out, however short the run was. */
  end(stages: readonly StageSummary[]): void {
    this.showStages(stages);
    this.lift();
  }

  private showStages(stages: readonly StageSummary[]): void {
    for (const stage of stages.slice(this.shown)) {
      this.lift();
      this.output.say(stageLine(stage));
    }
    this.shown = Math.max(this.shown, stages.length);
  }

  /** Said once for each comparison. */
  private showApproval(runId: string, { round, expiresAt, approvers, pageKey }: ApprovalWait): void {
    if (round === this.waitedFor) return;
    this.waitedFor = round;
    const who = approvers.length === 0 ? 'somebody' : approvers.join(', ');
    this.note(
      pc.yellow(`waits for ${who} to approve, until ${moment(new Date(expiresAt))}; the comparison: ${pageKey}`),
    );
    this.output.say(`  graft approve ${runId}   or   graft reject ${runId} --reason WHY`);
  }

  private showTraining(training: TrainingProgress): void {
    const { phase, step, totalSteps, featuresDone, lastEpoch, totalEpochs } = training;
    if (lastEpoch && lastEpoch.epoch > this.epoch) {
      const every = Math.ceil(totalEpochs / EPOCH_LINES);
      if (Math.floor(lastEpoch.epoch / every) > Math.floor(this.epoch / every)) {
        // A bar that is redrawn must not have a line land in it; printed ones are lines already.
        if (this.live) this.lift();
        this.output.say(epochLine(lastEpoch, totalEpochs));
      }
      this.epoch = lastEpoch.epoch;
    }
    if (phase === 'features' && featuresDone !== null) {
      this.advance('train', Math.round(featuresDone * 100), 100, 'frozen features');
    } else if (totalSteps > 0) this.advance('train', step, totalSteps, trainingNote(training, this.chart(training)));
  }

  /** The loss so far, where it is redrawn in place; printed lines have the figure alone. */
  private chart({ loss }: TrainingProgress): string {
    if (!this.live || loss === null) return '';
    if (this.losses.at(-1) !== loss) this.losses.push(loss);
    if (this.losses.length > MAX_LOSSES)
      this.losses.splice(0, this.losses.length, ...this.losses.filter((_, i) => i % 2 === 0));
    return sparkline(this.losses, CHART_WIDTH);
  }

  /** Said once, until it is another trouble. */
  private showTrouble(text: string): void {
    if (text === this.trouble) return;
    this.trouble = text;
    if (text !== '') this.note(pc.yellow(text));
  }

  private advance(stage: StageName, done: number, total: number, note: string): void {
    if (this.bar?.stage !== stage) {
      this.lift();
      this.bar = { stage, bar: this.output.progress(stage.padEnd(8)), tenth: -1 };
    }
    const tenth = total === 0 ? 0 : Math.floor((done / total) * 10);
    if (!this.live && tenth === this.bar.tenth) return;
    this.bar.tenth = tenth;
    this.bar.bar.update(done, total, note);
  }

  /** Takes the bar away, so that a line does not land in it. */
  private lift(): void {
    this.bar?.bar.stop();
    this.bar = null;
  }
}

function failingTry(pending: readonly PendingWork[]): string {
  const failing = pending.find(({ lastFailure }) => lastFailure !== null);
  if (!failing) return '';
  return `${stageOf[failing.activity] ?? failing.activity}: ${failing.lastFailure ?? ''} — try ${failing.attempt} follows`;
}

function stuckText(reason: string): string {
  const remedy = 'see the worker’s log; it goes on by itself once a worker with mended code runs';
  return `WORKFLOW_STUCK: the run’s own code fails — ${reason} — ${remedy}`;
}

export function stageLine({ name, cached, seconds, summary }: StageSummary): string {
  const time = cached ? pc.cyan('cached'.padStart(9)) : pc.dim(duration(seconds).padStart(9));
  return `${pc.green('✓')} ${name.padEnd(8)} ${time}  ${summary}`;
}

function epochLine(epoch: NonNullable<TrainingProgress['lastEpoch']>, totalEpochs: number): string {
  const { trainLoss, validationLoss, validationAccuracy, detection } = epoch;
  const judged = detection
    ? `mAP@.5 ${figure(detection.mAP50)}${detection.evaluated ? '' : ' (before)'}, median ${figure(detection.median50)}`
    : `accuracy ${figure(validationAccuracy)}`;
  const figures = `loss ${figure(trainLoss)}, validation loss ${figure(validationLoss)}, ${judged}`;
  return pc.dim(`  epoch ${epoch.epoch} of ${totalEpochs}: ${figures}`);
}

function trainingNote(
  { epoch, totalEpochs, loss, imagesPerSecond, etaSeconds, attempt }: TrainingProgress,
  chart: string,
): string {
  return [
    `epoch ${Math.min(epoch + 1, totalEpochs)}/${totalEpochs}`,
    ...(loss === null ? [] : [`loss ${chart}${chart === '' ? '' : ' '}${figure(loss)}`]),
    ...(imagesPerSecond === null ? [] : [`${count(Math.round(imagesPerSecond))} images/s`]),
    ...(etaSeconds === null ? [] : [`${duration(etaSeconds)} left`]),
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
  ].join('  ');
}

/** What is said at the end: figures, the decision with its reasons, and what to heed. */
export function showReport(report: RunReport, output: Output): void {
  const { metrics, model, gate, findings } = report;
  if (metrics) {
    const detector = ['mAP', 'mAP50', 'macroPrecision', 'macroRecall', 'macroF1', 'loss'] as const;
    const classifier = ['accuracy', 'top5', 'macroF1', 'macroPrecision', 'macroRecall', 'loss'] as const;
    const names = metrics.mAP === undefined ? classifier : detector;
    const row = names.map((name) => (metrics[name] === undefined ? null : figure(metrics[name])));
    output.table(
      names.map((name) => (name === 'top5' ? 'top-5' : name)),
      [row],
    );
  }
  for (const finding of findings) output.say(findingLine(finding));
  for (const reason of report.settled?.why ?? []) output.say(`auto: ${reason}`);
  if (report.estimate) output.say(estimateLine(report.estimate));
  if (model) {
    const { name, version, promoted, alias } = model;
    const text = promoted
      ? pc.green(`promoted: ${name} version ${version ?? '?'} is ${alias}`)
      : pc.yellow(`not promoted: ${name} version ${version ?? '?'} is kept, ${alias} stays`);
    output.say(text);
  }
  for (const rule of gate) output.say(ruleLine(rule));
}

/** What graft plan expected of the training, and what it took. */
function estimateLine({ seconds, actualSeconds, ratio }: NonNullable<RunReport['estimate']>): string {
  const planned = `planned: ${duration(seconds.expected)} of training (${duration(seconds.low)} – ${duration(seconds.high)})`;
  if (actualSeconds === null || ratio === null) return `${planned}; it was found done`;
  return `${planned}; it took ${duration(actualSeconds)}, ${ratio.toFixed(2)} times that`;
}

/** Where to go from here. */
export function whereToLook({ runId, model }: RunReport): string {
  const evaluation = model?.version ? `   ·   graft eval ${model.name}@${model.version}` : '';
  return pc.dim(`look again: graft runs show ${runId}${evaluation}`);
}

export function ruleLine({ rule, passed, explanation }: GateRule): string {
  return `  ${passed ? pc.green('✓') : pc.red('✗')} ${rule}: ${explanation}`;
}

export function findingLine({ level, code, message }: Finding): string {
  return level === 'warning' ? pc.yellow(`! ${code}: ${message}`) : pc.dim(`  ${code}: ${message}`);
}
