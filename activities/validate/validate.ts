import { ValidateOutput } from '../../contracts/manifests.ts';
import type { ValidateInput, ValidateResult } from '../../contracts/stages.ts';
import { inputImage } from '../../core/backbone-facts.ts';
import { datasetFindings } from '../../core/dataset/findings.ts';
import type { FindingsContext } from '../../core/dataset/findings.ts';
import { StatisticsCollector } from '../../core/dataset/statistics.ts';
import { currentActivity } from '../lib/activity-context.ts';
import { beating } from '../lib/beating.ts';
import { datasetItems, requireDataset } from '../lib/dataset.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { putPart } from '../lib/json-lines.ts';
import { cachedStage } from '../lib/stage.ts';
import type { DataPorts } from '../ports.ts';

const CODE_VERSION = 1;
/** What travels through the workflow; the report has them all. */
const MAX_FINDINGS = 50;

/** Looks at a data set as a person should before training: balance, copies, conflicts, sizes. It fails nothing. */
export function createValidateActivities(ports: DataPorts) {
  return { validateDataset: atActivityEdge((input: ValidateInput) => validate(ports, input)) };
}

async function validate({ store, clock }: DataPorts, input: ValidateInput): Promise<ValidateResult> {
  const activity = currentActivity();
  const { signal } = activity;
  const { heightPx, widthPx, resize } = inputImage(input.image, input.backbone);
  const grouped = input.dataset.split.groupBy !== null;
  const context: FindingsContext = { target: { heightPx, widthPx }, resize, quarantined: input.quarantined, grouped };
  let done = 0;
  const rest = beating(activity, () => ({ stage: 'validate', done }));
  try {
    const answer = await cachedStage({
      store,
      clock,
      signal,
      stage: 'validate',
      codeVersion: CODE_VERSION,
      addressedBy: { dataset: input.datasetManifestKey, ...context, target: { heightPx, widthPx } },
      output: ValidateOutput,
      async compute(partsPrefix) {
        const manifest = await requireDataset(store, input.datasetManifestKey, signal);
        const collector = new StatisticsCollector(context.target);
        for await (const item of datasetItems(store, manifest, signal)) {
          collector.add(item);
          done++;
        }
        const statistics = collector.finish();
        const findings = datasetFindings(statistics, context);
        const text = JSON.stringify({ kind: 'graft.dataset-report/1', findings, statistics }, null, 2);
        const body = new TextEncoder().encode(`${text}\n`);
        const report = await putPart(store, `${partsPrefix}report.json`, body, signal, 'application/json');
        return { output: { findings, report }, parts: [report] };
      },
    });
    const findings = answer.output.findings.slice(0, MAX_FINDINGS);
    return { stage: 'validate', ...answer, output: { ...answer.output, findings }, summary: summaryOf(findings) };
  } finally {
    rest();
  }
}

function summaryOf(findings: readonly { readonly level: string; readonly code: string }[]): string {
  if (findings.length === 0) return 'nothing to remark';
  const codes = findings.map(({ code }) => code).join(', ');
  const warnings = findings.filter(({ level }) => level === 'warning').length;
  return warnings === 0 ? `no warnings; ${codes}` : `${warnings} warning${warnings === 1 ? '' : 's'}; ${codes}`;
}
