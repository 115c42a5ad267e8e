import { SplitOutput } from '../../contracts/manifests.ts';
import type { Finding } from '../../contracts/manifests.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import { RetrainingPlan } from '../../contracts/retraining.ts';
import type { PlanRetrainingInput } from '../../contracts/retraining.ts';
import { failedError } from '../../core/errors.ts';
import { unwrap } from '../../core/result.ts';
import { currentActivity } from '../lib/activity-context.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { encodeLines, putPart } from '../lib/json-lines.ts';
import { parseAs, readJson, writeJsonIfAbsent } from '../lib/json-object.ts';
import { readStage } from '../lib/stage.ts';
import type { DataPorts } from '../ports.ts';
import { sidedItems } from './ages.ts';
import type { AgedItem } from './ages.ts';
import { championSides, championStart } from './champion-start.ts';
import { windowOf } from './window.ts';
import type { Window } from './window.ts';

export type PlanPorts = Pick<DataPorts, 'store' | 'clock'>;

/** What a retraining begins with (the champion's weights) and learns from (a window of the data); decided once a run. */
export function createPlanActivities(ports: PlanPorts) {
  return { planRetraining: atActivityEdge((input: PlanRetrainingInput) => planRetraining(ports, input)) };
}

async function planRetraining(ports: PlanPorts, input: PlanRetrainingInput): Promise<RetrainingPlan> {
  const { store } = ports;
  const activity = currentActivity();
  activity.heartbeat('planning');
  const key = `runs/${input.runId}/plan.json`;
  const stored = async (): Promise<RetrainingPlan | null> =>
    unwrap(await readJson(store, key, parseAs(RetrainingPlan)))?.value ?? null;
  const known = await stored();
  if (known) return known;
  await writeJsonIfAbsent(store, key, await freshPlan(ports, input, activity.signal));
  const mine = await stored();
  if (mine) return mine;
  throw failedError('PLAN_GONE', `${store.bucket}/${key}`, 'it is gone right after it was written', 'what was written');
}

async function freshPlan(ports: PlanPorts, input: PlanRetrainingInput, signal: AbortSignal): Promise<RetrainingPlan> {
  const { store } = ports;
  const { datasetManifestKey, splitManifestKey, recent, runId } = input;
  const current = await readStage(store, splitManifestKey, SplitOutput);
  if (!current) throw failedError('STAGE_MISSING', splitManifestKey, 'the split is gone', 'it', 'start the run again');
  const split = current.output;
  const champion = await championStart(store, input, split);
  const items = await sidedItems(store, { datasetManifestKey, split }, signal);
  const seen = champion && (await championSides(store, champion, items, signal));
  const made = { atMs: Date.parse(current.createdAt), split };
  const window = recent && (await windowOf(ports, recent, items, made, signal));
  const tested = items.filter(({ side }) => side === 'test');
  const fresh = window ? window.test : seen ? tested.filter(({ unit }) => !seen.has(unit)) : [];
  const keep = async (name: string, part: readonly AgedItem[]) => {
    const lines = encodeLines(part.map(({ path }) => path));
    return { paths: await putPart(store, `runs/${runId}/${name}.jsonl`, lines, signal), images: part.length };
  };
  return {
    kind: 'graft.retraining-plan/1',
    start: champion && startOf(champion),
    train: window && (await keep('recent', window.train)),
    newest: fresh.length === 0 || fresh.length === tested.length ? null : await keep('newest', fresh),
    findings: [...startFindings(champion), ...windowFindings(window, items)],
  };
}

function startOf({ name, version, weights, model }: ModelVersion): RetrainingPlan['start'] {
  return { model: name, version, weights, backbone: model.backbone, cut: model.cut ?? null };
}

function startFindings(champion: ModelVersion | null): Finding[] {
  if (champion === null) return [];
  const message = `training begins with the weights of ${champion.name} version ${champion.version}`;
  return [{ level: 'info', code: 'WARM_START', message }];
}

function windowFindings(window: Window | null, items: readonly AgedItem[]): Finding[] {
  if (window === null) return [];
  const all = items.filter(({ side }) => side === 'train');
  const has = new Set(window.train.map(({ label }) => label));
  const lacking = [...new Set(all.map(({ label }) => label))].filter((label) => !has.has(label));
  const message = `trained on ${window.train.length} of ${all.length} images: ${window.means}`;
  const forgotten = `no training image of the window is ${lacking.slice(0, 5).join(', ')}: the model will forget it`;
  return [
    { level: 'info', code: 'RECENT', message },
    ...(lacking.length === 0 ? [] : [{ level: 'warning' as const, code: 'RECENT_CLASSES', message: forgotten }]),
  ];
}
