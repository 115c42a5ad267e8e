import { ApplicationFailure } from '@temporalio/common';
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  ContinueAsNew,
  continueAsNew,
  isCancellation,
  setHandler,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import type { PinnedData, RunReport } from '../contracts/run.ts';
import type { SweepInput, SweepReport } from '../contracts/sweep.ts';
import { arrive, command, isQuiet, refusal, release } from '../core/search/sweep.ts';
import type { LegEnd, SweepCommand, SweepState, SweepStep } from '../core/search/sweep.ts';
import { bestTrials } from '../core/search/trials.ts';
import { CHAMPION } from '../core/training/warm-start.ts';
import { bookkeeping } from './activity-options.ts';
import { sweepQuery, sweepUpdate } from './messages.ts';
import { prepareData } from './retrain.ts';
import { RunTracker } from './run-tracker.ts';
import { withAdvice } from './sweep-advice.ts';
import { sweepReport } from './sweep-report.ts';
import { TrialLegs } from './trial-legs.ts';

/** Events after which an execution lets its parts end and hands everything over to a new one. */
const HISTORY_LIMIT = 4_000;

/**
 * A search over settings. What to train next is decided by core/search, from results in the order of their decision;
 * this code starts the trials as runs, hands their results on, and takes the best one to the gate.
 */
export async function sweepWorkflow(input: SweepInput): Promise<SweepReport> {
  const sweep = new Sweep(input);
  setHandler(sweepQuery, () => sweep.report());
  setHandler(sweepUpdate, (asked) => sweep.change(asked), { validator: (asked) => sweep.check(asked) });
  try {
    await sweep.search();
    await sweep.finish();
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    sweep.failed(error);
    await CancellationScope.nonCancellable(() => bookkeeping.reportSweep(sweep.report()));
    if (isCancellation(error)) return sweep.report();
    throw error;
  }
  await bookkeeping.reportSweep(sweep.report());
  return sweep.report();
}

class Sweep {
  private readonly input: SweepInput;
  private state: SweepState;
  private legs: TrialLegs | null = null;
  private data: PinnedData | null;
  private startedMs: number;
  private readonly inbox: { number: number; end: LegEnd }[] = [];
  private status: SweepReport['status'] = 'running';
  private promotion: RunReport | null = null;
  private error: string | null = null;
  private stopping = false;

  constructor(input: SweepInput) {
    this.input = input;
    // Nothing is decided before the data are there.
    this.state = { ...input.state, held: true };
    this.data = input.started?.data ?? null;
    this.startedMs = input.started?.atMs ?? Date.now();
  }

  /** Until the search is over. Continues as new from within, where the history has grown long. */
  async search(): Promise<void> {
    const { started } = this.input;
    if (!started) await bookkeeping.openSweep(this.input);
    this.data ??= await this.readData();
    if (this.input.advised === true && !started) this.state = withAdvice(this.state, this.input.base, this.data);
    this.legs = new TrialLegs(this.input, this.data, { ...started?.trainings });
    this.take(release(this.state));
    while (this.state.ended === null || this.state.running.length > 0) {
      await this.word();
      for (let next = this.inbox.shift(); next; next = this.inbox.shift()) {
        this.take(arrive(this.state, next.number, next.end));
      }
      if (this.state.ended !== null) {
        if (this.state.held) this.take(release(this.state));
        await this.stopAll();
      } else if (this.historyIsLong()) {
        this.state = { ...this.state, held: true };
        if (isQuiet(this.state)) await this.handOver();
      }
    }
  }

  /** The best trial through the gate; throws where there is none. */
  async finish(): Promise<void> {
    if (this.state.ended === 'cancelled') {
      this.end('cancelled');
      return;
    }
    const [best] = bestTrials(this.state.search.trials, this.state.search.objectives);
    if (this.state.ended === 'failures' || best === undefined) throw this.noResult();
    if (this.input.promote && this.legs) this.promotion = await this.legs.promote(best.id, best.values);
    this.end('completed');
  }

  failed(error: unknown): void {
    this.error = error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : null;
    this.end(isCancellation(error) ? 'cancelled' : 'failed');
  }

  check(asked: SweepCommand): void {
    const why = refusal(this.state, asked);
    if (why === null) return;
    const parts = { kind: 'input', where: `sweep ${this.input.sweepId}`, seen: why };
    throw ApplicationFailure.create({
      message: `SWEEP_CHANGE: ${parts.where} — ${why}`,
      type: 'SWEEP_CHANGE',
      nonRetryable: true,
      details: [{ code: 'SWEEP_CHANGE', ...parts }],
    });
  }

  change(asked: SweepCommand): SweepReport {
    const trial = asked.kind === 'stop-trial' ? asked.trial : null;
    const leg = this.state.running.find((each) => each.trial === trial);
    this.take(command(this.state, asked));
    if (leg) void this.legs?.stop(leg.number);
    return this.report();
  }

  report(): SweepReport {
    const status = this.status === 'running' && this.state.paused ? 'paused' : this.status;
    return sweepReport(this.input, this.state, {
      status,
      trainings: this.legs?.trainings ?? this.input.started?.trainings ?? {},
      promotion: this.promotion,
      error: this.error,
    });
  }

  private async readData(): Promise<PinnedData> {
    const { sweepId, base, requestedBy } = this.input;
    const tracker = new RunTracker({ runId: sweepId, config: base, requestedBy });
    const run = { runId: sweepId, config: base, requestedBy };
    const {
      prepareManifestKey: _,
      plan,
      ...keys
    } = await prepareData(run, tracker, { fromChampion: this.asksChampion() });
    if (!tracker.datasetRead) throw new Error('no data set was read');
    return { ...keys, dataset: tracker.datasetRead, ...(plan ? { plan } : {}) };
  }

  /** Whether a trial may begin with the champion's weights: the base does, or the space lets it. */
  private asksChampion(): boolean {
    const { base, state } = this.input;
    const asked = state.search.space.parameters.find(({ name }) => name === 'model.weights')?.domain;
    return asked?.kind === 'choice' ? asked.options.includes(CHAMPION) : base.model.weights === CHAMPION;
  }

  private take({ state, starts }: SweepStep): void {
    this.state = state;
    for (const leg of starts) {
      void this.legs?.run(leg).then((end) => this.inbox.push({ number: leg.number, end }));
    }
  }

  /** Waits for a result or a change; ends the search where its time is over. */
  private async word(): Promise<void> {
    const { hours } = this.input;
    const before = this.state;
    const news = (): boolean => this.inbox.length > 0 || this.state !== before;
    if (hours === null || this.state.ended !== null) return condition(news);
    const leftMs = this.startedMs + hours * 3_600_000 - Date.now();
    if (leftMs > 0 && (await condition(news, leftMs))) return;
    this.take(command(this.state, { kind: 'stop', reason: 'time' }));
  }

  private async stopAll(): Promise<void> {
    if (this.stopping) return;
    this.stopping = true;
    for (const { number } of this.state.running) await this.legs?.stop(number);
  }

  private historyIsLong(): boolean {
    const { historyLength, continueAsNewSuggested } = workflowInfo();
    return continueAsNewSuggested || historyLength > (this.input.historyLimit ?? HISTORY_LIMIT);
  }

  /** Nothing runs and nothing is under way: all that the sweep knows goes into its next execution. */
  private async handOver(): Promise<void> {
    await condition(allHandlersFinished);
    if (!this.data || !this.legs) return;
    const executions = (this.input.started?.executions ?? 1) + 1;
    const started = { atMs: this.startedMs, data: this.data, trainings: this.legs.trainings, executions };
    await continueAsNew<typeof sweepWorkflow>({ ...this.input, state: this.state, started });
  }

  private end(status: SweepReport['status']): void {
    this.status = status;
    upsertMemo({ outcome: { status } });
  }

  private noResult(): ApplicationFailure {
    const failed = this.state.search.trials.filter(({ state }) => state === 'failed');
    const seen =
      this.state.search.trials.length === 0
        ? 'no settings of the space are allowed'
        : `${failed.length} of ${this.state.search.trials.length} trials failed, the last: ${failed.at(-1)?.reason ?? '–'}`;
    const parts = { kind: 'failed', where: `sweep ${this.input.sweepId}`, seen, expected: 'a trial with a result' };
    return ApplicationFailure.create({
      message: `SWEEP_NO_RESULT: ${parts.where} — ${seen} — ${parts.expected}`,
      type: 'SWEEP_NO_RESULT',
      nonRetryable: true,
      details: [{ code: 'SWEEP_NO_RESULT', ...parts }],
    });
  }
}
