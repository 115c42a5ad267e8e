import { upsertMemo } from '@temporalio/workflow';
import type { ApprovalVerdict, ApprovalWait } from '../contracts/approval.ts';
import type {
  EvaluateOutput,
  Finding,
  GateRule,
  IngestOutput,
  PromoteOutput,
  StageName,
} from '../contracts/manifests.ts';
import type {
  RetrainInput,
  RunProgress,
  RunReport,
  RunStatus,
  StageSummary,
  TrainingProgress,
} from '../contracts/run.ts';
import type { TrainStageResult } from '../contracts/stages.ts';
import { settledEstimate } from '../core/advice/settle.ts';
import type { Sha256 } from '../core/ids.ts';
import { approvalRule } from '../core/promotion/approval.ts';

interface StageReply {
  readonly manifestKey: string;
  readonly remade?: StageSummary['remade'];
  readonly cached: boolean;
  readonly summary: string;
}

/** What a run knows of itself: the answer of its query, and piece by piece its report. */
export class RunTracker {
  private readonly input: RetrainInput;
  private status: RunStatus = 'running';
  private running: StageName | null = null;
  private readonly stages: StageSummary[] = [];
  private training: TrainingProgress | null = null;
  private trainingIsOver = false;
  private readonly findings: Finding[] = [];
  private gate: readonly GateRule[] = [];
  private dataset: RunReport['dataset'] = null;
  private trained: RunReport['training'];
  private settled: RunReport['settled'];
  private weightsSha256: Sha256 | null = null;
  private metrics: RunReport['metrics'] = null;
  private newest: RunReport['newest'];
  private model: RunReport['model'] = null;
  private approval: ApprovalWait | null = null;
  private verdict: ApprovalVerdict | null = null;

  constructor(input: RetrainInput) {
    this.input = input;
  }

  /** Runs one stage and notes its time. Workflow time is Temporal's, so a replay sees the same figures. */
  async stage<T extends StageReply>(name: StageName, run: () => Promise<T>): Promise<T> {
    this.running = name;
    const startedMs = Date.now();
    const reply = await run();
    this.running = null;
    // Judged again: the last word counts, and a stage is listed once.
    const before = this.stages.findIndex((stage) => stage.name === name);
    if (before !== -1) this.stages.splice(before, 1);
    const { cached, summary, manifestKey, remade } = reply;
    const seconds = (Date.now() - startedMs) / 1000;
    this.stages.push({ name, cached, seconds, summary, manifestKey, ...(remade ? { remade } : {}) });
    return reply;
  }

  trainingAt(update: TrainingProgress): void {
    // Told while it trained, heard when it is over.
    if (!this.trainingIsOver) this.training = update;
  }

  /** What was told last may be ten seconds old, and what the heartbeats said is gone: the counter must not go back. */
  trainingEnded({ steps, epochs }: { readonly steps: number; readonly epochs: number }): void {
    this.trainingIsOver = true;
    const { training } = this;
    if (training) this.training = { ...training, phase: 'finishing', step: steps, epoch: epochs, etaSeconds: 0 };
  }

  found(findings: readonly Finding[]): void {
    this.findings.push(...findings);
  }

  datasetIs({ dataset, version, images, quarantined, classes }: IngestOutput): void {
    this.dataset = { name: dataset, version, images, quarantined, classes: [...classes] };
  }

  datasetWas(dataset: NonNullable<RunReport['dataset']>): void {
    this.dataset = dataset;
  }

  /** What a trial is judged by. */
  trainedTo({ manifestKey, output }: TrainStageResult): void {
    const { steps, epochs, stoppedEarly, best, last, totalParameters, trainableParameters, weights } = output;
    const seconds = this.stages.at(-1)?.seconds ?? 0;
    const figures = { steps, epochs, stoppedEarly, best, last, totalParameters, trainableParameters };
    this.trained = { manifestKey, ...figures, weightsBytes: weights.sizeBytes, seconds };
  }

  settledTo(found: NonNullable<RunReport['settled']>): void {
    this.settled = found;
  }

  get datasetRead(): RunReport['dataset'] {
    return this.dataset;
  }

  weightsAre(sha256: Sha256): void {
    this.weightsSha256 = sha256;
  }

  scored({ metrics, findings, detection, newest }: EvaluateOutput): void {
    this.newest = newest;
    const { loss, accuracy, top5, macroF1, macroPrecision, macroRecall } = metrics;
    const coco = detection?.metrics.coco;
    const maps = coco ? { mAP: coco.AP, mAP50: coco.AP50 } : {};
    this.metrics = { loss, accuracy, top5, macroF1, macroPrecision, macroRecall, ...maps };
    this.found(findings);
  }

  decided(rules: readonly GateRule[]): void {
    this.gate = rules;
  }

  modelIs({ model, version, promoted, alias }: PromoteOutput): void {
    this.model = { name: model, version, promoted, alias };
  }

  /** A person is asked: lists show that the run waits. */
  waitsFor(waiting: ApprovalWait): void {
    this.approval = waiting;
    this.finish('waiting-for-approval');
  }

  answered(verdict: ApprovalVerdict): void {
    this.approval = null;
    this.verdict = verdict;
    this.gate = [...this.gate, approvalRule(verdict)];
    this.finish('running');
  }

  /** What the run has come to; lists show the outcome without asking the workflow. */
  finish(status: RunStatus): void {
    this.status = status;
    upsertMemo({
      outcome: {
        status,
        accuracy: this.metrics?.accuracy ?? null,
        version: this.model?.version ?? null,
        promoted: this.model?.promoted ?? false,
      },
    });
  }

  snapshot(): RunProgress {
    return {
      runId: this.input.runId,
      status: this.status,
      stage: this.running,
      stages: [...this.stages],
      training: this.training,
      ...(this.approval ? { approval: this.approval } : {}),
    };
  }

  report(): RunReport {
    return {
      runId: this.input.runId,
      status: this.status,
      weightsSha256: this.weightsSha256,
      metrics: this.metrics,
      model: this.model,
      gate: [...this.gate],
      stages: [...this.stages],
      dataset: this.dataset,
      findings: [...this.findings],
      ...(this.newest ? { newest: this.newest } : {}),
      ...(this.trained ? { training: this.trained } : {}),
      ...(this.settled ? { settled: this.settled } : {}),
      ...(this.input.estimate ? { estimate: settledEstimate(this.input.estimate, this.stages) } : {}),
      ...(this.verdict ? { approval: this.verdict } : {}),
    };
  }
}
