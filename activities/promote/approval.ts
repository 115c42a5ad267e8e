import type { ApprovalRecord, ApprovalReport } from '../../contracts/approval.ts';
import { EvaluateOutput, GateOutput, TrainOutput } from '../../contracts/manifests.ts';
import type { ClassificationMetrics } from '../../contracts/manifests.ts';
import type { AskApprovalInput, AskApprovalResult } from '../../contracts/stages.ts';
import { asSha256, asStageKey } from '../../core/ids.ts';
import { approvalPage } from '../../core/promotion/approval-page.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { writeJson } from '../lib/json-object.ts';
import { readAliases, readVersion } from '../lib/registry.ts';
import { readStage, requireStage, stageManifestKey } from '../lib/stage.ts';
import type { TrainPorts } from '../ports.ts';

export type ApprovalPorts = Pick<TrainPorts, 'store' | 'clock'>;

export const approvalKeys = {
  report: (runId: string, round: number): string => `runs/${runId}/approval/${round}.json`,
  page: (runId: string, round: number): string => `runs/${runId}/approval/${round}.md`,
  verdict: (runId: string, round: number): string => `runs/${runId}/approval/${round}-verdict.json`,
} as const;

/** What a person needs to decide on a promotion, and what was decided. */
export function createApprovalActivities(ports: ApprovalPorts) {
  return {
    /** Stores the comparison; null where the alias points at this very model already. */
    prepareApproval: atActivityEdge(async (input: AskApprovalInput): Promise<AskApprovalResult> => {
      const { store } = ports;
      const { round, evidence } = input;
      const trained = await requireStage(store, evidence.trainManifestKey, TrainOutput);
      if (await isThere(ports, input, trained)) return null;
      const report = await compare(ports, input, trained);
      const [reportKey, pageKey] = [
        approvalKeys.report(evidence.runId, round),
        approvalKeys.page(evidence.runId, round),
      ];
      await writeJson(store, reportKey, report);
      const page = new TextEncoder().encode(approvalPage(report));
      await store.put(pageKey, page, { contentType: 'text/markdown; charset=utf-8' });
      return { reportKey, pageKey };
    }),

    recordApproval: atActivityEdge(async (record: ApprovalRecord): Promise<void> => {
      await writeJson(ports.store, approvalKeys.verdict(record.runId, record.verdict.round), record);
    }),
  };
}

async function isThere({ store }: ApprovalPorts, input: AskApprovalInput, trained: TrainOutput): Promise<boolean> {
  const { model, promote } = input;
  const holder = (await readAliases(store, model)).value.aliases[promote.alias];
  if (holder === undefined) return false;
  // What can't be read is another model: a person shall decide.
  const champion = await readVersion(store, model, holder).catch(() => null);
  return (
    champion?.weights.sha256 === trained.weights.sha256 &&
    champion.model.classes.join('\n') === trained.model.classes.join('\n')
  );
}

async function compare(
  { store, clock }: ApprovalPorts,
  { model, promote, evidence, gateManifestKey, requestedBy, round }: AskApprovalInput,
  trained: TrainOutput,
): Promise<ApprovalReport> {
  const gate = await requireStage(store, gateManifestKey, GateOutput);
  const { metrics } = await requireStage(store, evidence.evaluateManifestKey, EvaluateOutput);
  const theirs = await championMetrics(store, gate);
  const recallThere = new Map(theirs?.perClass.map(({ label, recall }) => [label, recall]));
  return {
    kind: 'graft.approval-report/1',
    runId: evidence.runId,
    round,
    model,
    alias: promote.alias,
    requestedBy,
    createdAt: new Date(clock.nowMs()).toISOString(),
    challenger: {
      weightsSha256: trained.weights.sha256,
      dataset: evidence.datasetManifestKey,
      images: metrics.images,
      metrics: figuresOf(metrics),
    },
    champion: gate.champion && {
      version: gate.champion.version,
      weightsSha256: gate.champion.weightsSha256,
      metrics: theirs ? figuresOf(theirs) : gate.champion.metrics,
    },
    rules: gate.rules,
    perClass: metrics.perClass.map(({ label, support, recall }) => ({
      ...{ label, support, challenger: recall, champion: recallThere.get(label) ?? null },
    })),
  };
}

async function championMetrics(
  store: ApprovalPorts['store'],
  { champion }: GateOutput,
): Promise<ClassificationMetrics | null> {
  if (champion?.evaluateKey === undefined) return null;
  const key = stageManifestKey('evaluate', asStageKey(asSha256(champion.evaluateKey)));
  return (await readStage(store, key, EvaluateOutput))?.output.metrics ?? null;
}

function figuresOf(metrics: ClassificationMetrics): Record<string, number> {
  const { accuracy, top5, macroF1, macroPrecision, macroRecall, loss } = metrics;
  return { accuracy, top5, macroF1, macroPrecision, macroRecall, loss };
}
