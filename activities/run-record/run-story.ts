import { log } from '@temporalio/activity';
import type { z } from 'zod';
import { EvaluateOutput, GateOutput, PrepareOutput, TrainOutput } from '../../contracts/manifests.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import { RunRecord } from '../../contracts/run.ts';
import type { RunReport } from '../../contracts/run.ts';
import { messageOf } from '../../core/errors.ts';
import { asSha256, asStageKey, isSha256 } from '../../core/ids.ts';
import { runCurves } from '../../core/report/run-curves.ts';
import { runMarkdown } from '../../core/report/run-markdown.ts';
import { runPage } from '../../core/report/run-page.ts';
import type { RunStory } from '../../core/report/run-story.ts';
import { runFiles } from '../../core/training/run-files.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { parseAs, readJson } from '../lib/json-object.ts';
import { readVersion } from '../lib/registry.ts';
import { readStage, stageManifestKey } from '../lib/stage.ts';
import { readTested, slicesStory } from './tested.ts';
import { readWorst } from './worst-items.ts';

export interface StoryPorts {
  readonly store: ObjectStore;
  readonly graftVersion: string;
}

/**
 * Leaves `runs/<runId>/report/report.html` and `report.md`. A run is none the worse without them: what goes wrong here
 * is logged, and ends nothing.
 */
export async function leaveReport(ports: StoryPorts, report: RunReport): Promise<void> {
  try {
    const story = await readStory(ports, report);
    const put = (name: string, text: string, contentType: string): Promise<string> =>
      ports.store.put(`runs/${report.runId}/report/${name}`, new TextEncoder().encode(text), { contentType });
    await put('report.html', runPage(story), 'text/html; charset=utf-8');
    await put('report.md', runMarkdown(story), 'text/markdown; charset=utf-8');
  } catch (error) {
    log.warn('the run leaves no report', { runId: report.runId, error: messageOf(error) });
  }
}

async function readStory({ store, graftVersion }: StoryPorts, report: RunReport): Promise<RunStory> {
  const { runId, model, dataset, stages, gate, findings, metrics, status } = report;
  const record = await readJson(store, `runs/${runId}/run.json`, parseAs(RunRecord));
  const run = record.ok ? (record.value?.value ?? null) : null;
  const version = model?.version == null ? null : await readVersion(store, model.name, model.version);
  const logged = await store.get(`runs/${runId}/${runFiles.metrics}`);
  const by = run?.config.promote.gate.noSliceWorse?.by ?? null;
  const { evaluation, champion, trained, worst, slices } = await readResults(store, version, by);
  return {
    ...{ runId, status, metrics, stages, gate, findings, model, worst, slices, champion },
    name: run?.config.name ?? dataset?.name ?? '',
    createdAt: run?.createdAt ?? null,
    requestedBy: run?.requestedBy ?? null,
    graftVersion,
    dataset,
    training: trained && {
      ...{ epochs: trained.epochs, bestEpoch: trained.bestEpoch, steps: trained.steps },
      ...{ backbone: trained.model.backbone, strategy: trained.model.strategy },
    },
    curves: runCurves(new TextDecoder().decode(logged?.body)),
    evaluation,
    plan: planOf(report.estimate),
    config: JSON.stringify(run?.config ?? {}, null, 2),
  };
}

/** What `graft plan` foretold of the training, and what came. */
const planOf = (estimate: RunReport['estimate']): RunStory['plan'] =>
  estimate ? [{ what: 'training, seconds', planned: estimate.seconds.expected, actual: estimate.actualSeconds }] : [];

async function readResults(store: ObjectStore, version: ModelVersion | null, sliceBy: string | null) {
  if (!version) return { evaluation: null, champion: null, trained: null, worst: [], slices: null };
  const { lineage, model } = version;
  const output = async <T extends z.ZodType>(
    stage: 'evaluate' | 'gate' | 'prepare' | 'train',
    key: string,
    schema: T,
  ) =>
    isSha256(key)
      ? ((await readStage(store, stageManifestKey(stage, asStageKey(asSha256(key))), schema))?.output ?? null)
      : null;
  const [evaluated, gate, trained, prepared] = await Promise.all([
    output('evaluate', lineage.evaluateKey, EvaluateOutput),
    output('gate', lineage.gateKey, GateOutput),
    output('train', lineage.trainKey, TrainOutput),
    output('prepare', lineage.prepareKey, PrepareOutput),
  ]);
  const evaluation = evaluated && { classes: model.classes, ...evaluated.metrics };
  const champion = gate?.champion ? { version: gate.champion.version, metrics: gate.champion.metrics } : null;
  const tested = evaluated && prepared ? await readTested(store, evaluated, prepared) : null;
  const worst = evaluated && tested ? await readWorst(store, evaluated, tested, model.classes) : [];
  const slices = evaluated && tested ? slicesStory(evaluated, tested, sliceBy) : null;
  return { evaluation, champion, trained, worst, slices };
}
