import { DatasetManifest, ValidateOutput } from '../../contracts/manifests.ts';
import type { BlobRef } from '../../contracts/manifests.ts';
import type { ValidateInput, ValidateResult } from '../../contracts/stages.ts';
import { inputImage } from '../../core/backbone-facts.ts';
import { failedCheck, heeded } from '../../core/dataset/checks.ts';
import { measureColours } from '../../core/dataset/colours.ts';
import { driftFindings } from '../../core/dataset/drift.ts';
import type { Described } from '../../core/dataset/drift.ts';
import type { DatasetFinding, FindingsContext } from '../../core/dataset/findings.ts';
import { DatasetLook } from '../../core/dataset/dataset-look.ts';
import type { LookedAt } from '../../core/dataset/dataset-look.ts';
import { reportPage } from '../../core/dataset/report-page.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { currentActivity } from '../lib/activity-context.ts';
import { beating } from '../lib/beating.ts';
import { datasetItems, datasetLooks, requireDataset } from '../lib/dataset.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { encodeLines, putPart } from '../lib/json-lines.ts';
import { readAliases, readVersion } from '../lib/registry.ts';
import { cachedStage } from '../lib/stage.ts';
import type { DataPorts } from '../ports.ts';

const CODE_VERSION = 2;
/** What travels through the workflow; the report has them all. */
const MAX_FINDINGS = 50;
/** Looks that are compared before others get a word in. */
const ROWS_AT_ONCE = 2_000;

/**
 * Looks at a data set as a person should before training: balance, sizes, copies and near-copies, contradicting labels,
 * boxes that vanish, what moved since the champion was trained. What a finding means is for `dataset.checks` to say.
 */
export function createValidateActivities(ports: DataPorts) {
  return { validateDataset: atActivityEdge((input: ValidateInput) => validate(ports, input)) };
}

async function validate({ store, clock }: DataPorts, input: ValidateInput): Promise<ValidateResult> {
  const activity = currentActivity();
  const { signal } = activity;
  const { channels: _, resize, ...target } = inputImage(input.image, input.backbone);
  const { split, checks } = input.dataset;
  const context: FindingsContext = {
    target,
    resize,
    quarantined: input.quarantined,
    grouped: split.groupBy !== null,
  };
  const progress = { stage: 'validate', done: 0 };
  const rest = beating(activity, () => progress);
  try {
    const champion = await championData(store, input);
    const fixes = Object.entries(checks)
      .filter(([, policy]) => policy === 'fix')
      .map(([check]) => check)
      .sort();
    const answer = await cachedStage({
      store,
      clock,
      signal,
      stage: 'validate',
      codeVersion: CODE_VERSION,
      addressedBy: {
        ...{ dataset: input.datasetManifestKey, quarantined: input.quarantined, grouped: context.grouped, resize },
        ...{ target, test: split.test, fixes, champion },
      },
      output: ValidateOutput,
      fresh: input.fresh,
      async compute(partsPrefix) {
        const seen = await lookAt(store, input.datasetManifestKey, input, context, signal, progress);
        const drift = champion === null ? [] : await driftSince(store, champion, seen, signal);
        return storeReport(store, partsPrefix, input.datasetManifestKey, seen, drift, signal);
      },
    });
    const failed = failedCheck(answer.output.findings, checks, input.datasetManifestKey);
    if (failed !== null) throw failed;
    const findings = heeded(answer.output.findings, checks).slice(0, MAX_FINDINGS);
    return { stage: 'validate', ...answer, output: { ...answer.output, findings }, summary: summaryOf(findings) };
  } finally {
    rest();
  }
}

/** The manifest of the data that the champion was trained with; null without a champion, or where these are the data. */
async function championData(
  store: ObjectStore,
  { model, alias, datasetManifestKey }: ValidateInput,
): Promise<string | null> {
  if (model === undefined || alias === undefined) return null;
  const { value } = await readAliases(store, model);
  const version = value.aliases[alias];
  const champion = version === undefined ? null : await readVersion(store, model, version);
  const key = champion?.lineage.dataset.manifestKey ?? null;
  return key === datasetManifestKey ? null : key;
}

async function lookAt(
  store: ObjectStore,
  manifestKey: string,
  { dataset }: Pick<ValidateInput, 'dataset'>,
  context: FindingsContext,
  signal: AbortSignal,
  progress: { done: number },
): Promise<LookedAt> {
  const manifest = await requireDataset(store, manifestKey, signal);
  const look = new DatasetLook({ context, checks: dataset.checks, testShare: dataset.split.test });
  for await (const item of datasetItems(store, manifest, signal)) {
    look.add(item);
    progress.done++;
  }
  const looks = await datasetLooks(store, manifest, signal);
  progress.done = 0;
  for (const rows of look.compare(looks)) {
    progress.done = rows;
    if (rows % ROWS_AT_ONCE !== 0) continue;
    signal.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return look.finish();
}

/** The champion's data may be gone by now, or from before pictures were looked at: then there is less to say. */
async function driftSince(
  store: ObjectStore,
  manifestKey: string,
  seen: LookedAt,
  signal: AbortSignal,
): Promise<DatasetFinding[]> {
  const found = await store.get(manifestKey, { signal });
  const manifest = DatasetManifest.safeParse(found ? JSON.parse(new TextDecoder().decode(found.body)) : null);
  if (!manifest.success) return [];
  let [images, width, height] = [0, 0, 0];
  for await (const item of datasetItems(store, manifest.data, signal)) {
    images += 1;
    width += item.width;
    height += item.height;
  }
  const looks = await datasetLooks(store, manifest.data, signal);
  const colours = looks === null ? null : measureColours(looks);
  const { perClass } = manifest.data;
  const before: Described = {
    perClass,
    width: width / Math.max(1, images),
    height: height / Math.max(1, images),
    colours,
  };
  return driftFindings(seen.described, before);
}

async function storeReport(
  store: ObjectStore,
  partsPrefix: string,
  name: string,
  { report, alike, dropped }: LookedAt,
  drift: readonly DatasetFinding[],
  signal: AbortSignal,
) {
  const findings = [...report.findings, ...drift];
  const whole = { ...report, findings };
  const text = `${JSON.stringify({ kind: 'graft.dataset-report/1', ...whole }, null, 2)}\n`;
  const put = (file: string, body: Uint8Array | string, type?: string): Promise<BlobRef> =>
    putPart(
      store,
      `${partsPrefix}${file}`,
      typeof body === 'string' ? new TextEncoder().encode(body) : body,
      signal,
      type,
    );
  const stored = await put('report.json', text, 'application/json');
  const page = await put('report.html', reportPage(name, whole), 'text/html; charset=utf-8');
  const output = {
    findings,
    report: stored,
    page,
    ...(alike.length === 0 ? {} : { alike: await put('alike.jsonl', encodeLines(alike.map((names) => [...names]))) }),
    ...(dropped.length === 0
      ? {}
      : { dropped: await put('dropped.jsonl', encodeLines(dropped.map((item) => ({ ...item })))) }),
  };
  const { alike: together, dropped: left } = output;
  return { output, parts: [stored, page, ...(together ? [together] : []), ...(left ? [left] : [])] };
}

function summaryOf(findings: readonly { readonly level: string; readonly code: string }[]): string {
  if (findings.length === 0) return 'nothing to remark';
  const codes = findings.map(({ code }) => code).join(', ');
  const warnings = findings.filter(({ level }) => level === 'warning').length;
  return warnings === 0 ? `no warnings; ${codes}` : `${warnings} warning${warnings === 1 ? '' : 's'}; ${codes}`;
}
