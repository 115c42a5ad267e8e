import { Finding, ValidateOutput } from '../../contracts/manifests.ts';
import type { ValidateInput, ValidateResult } from '../../contracts/stages.ts';
import { inputImage } from '../../core/backbone-facts.ts';
import { datasetFindings } from '../../core/dataset/findings.ts';
import { StatisticsCollector } from '../../core/dataset/statistics.ts';
import { currentActivity } from '../lib/activity-context.ts';
import { datasetItems, readDatasetManifest } from '../lib/dataset-items.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { sha256Of } from '../lib/hash.ts';
import { cachedStage } from '../lib/stage.ts';
import type { DataPorts } from '../ports.ts';

const CODE_VERSION = 1;
const MAX_FINDINGS = 50;

/** Measures the data set and says what a person should know before training on it. */
export function createValidateActivities(ports: Pick<DataPorts, 'store' | 'clock'>) {
  return {
    validateDataset: atActivityEdge(async (input: ValidateInput): Promise<ValidateResult> => {
      const activity = currentActivity();
      const target = inputImage(input.image, input.backbone);
      const answer = await cachedStage({
        store: ports.store,
        clock: ports.clock,
        signal: activity.signal,
        stage: 'validate',
        codeVersion: CODE_VERSION,
        addressedBy: {
          dataset: input.datasetManifestKey,
          quarantined: input.quarantined,
          target,
          grouped: input.dataset.split.groupBy !== null,
        },
        output: ValidateOutput,
        async compute(partsPrefix) {
          const manifest = await readDatasetManifest(ports.store, input.datasetManifestKey);
          const collector = new StatisticsCollector(target);
          let seen = 0;
          for await (const item of datasetItems(ports.store, manifest, activity.signal)) {
            collector.add(item);
            if (++seen % 1000 === 0) activity.heartbeat({ done: seen, total: manifest.images });
          }
          const statistics = collector.finish();
          const grouped = input.dataset.split.groupBy !== null;
          const context = { target, resize: target.resize, quarantined: input.quarantined, grouped };
          const findings = datasetFindings(statistics, context).slice(0, MAX_FINDINGS);
          const body = new TextEncoder().encode(JSON.stringify({ findings, statistics }));
          const report = { key: `${partsPrefix}report.json`, sha256: sha256Of(body), sizeBytes: body.length };
          await ports.store.put(report.key, body, { contentType: 'application/json', signal: activity.signal });
          return { output: { findings: Finding.array().parse(findings), report }, parts: [report] };
        },
      });
      const warnings = answer.output.findings.filter((finding) => finding.level === 'warning').length;
      const summary = warnings === 0 ? 'nothing to worry about' : `${warnings} warning${warnings === 1 ? '' : 's'}`;
      return { stage: 'validate', ...answer, summary };
    }),
  };
}
