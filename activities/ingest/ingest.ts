import { createHash } from 'node:crypto';
import { IngestOutput } from '../../contracts/manifests.ts';
import type { BlobRef } from '../../contracts/manifests.ts';
import type { IngestInput, IngestResult } from '../../contracts/stages.ts';
import { groupRule } from '../../core/dataset/items.ts';
import { listingLine } from '../../core/dataset/items.ts';
import { asSha256 } from '../../core/ids.ts';
import type { Sha256 } from '../../core/ids.ts';
import { unwrap } from '../../core/result.ts';
import type { DatasetSource } from '../../infra/ports/dataset-source.ts';
import { currentActivity } from '../lib/activity-context.ts';
import type { RunningActivity } from '../lib/activity-context.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { cachedStage } from '../lib/stage.ts';
import type { DataPorts } from '../ports.ts';
import { CatalogWriter } from './catalog.ts';
import { examineEntries } from './examine.ts';

const CODE_VERSION = 1;

/** Reads a source into storage: every picture decoded once, hashed, kept by content; what can't be read is quarantined. */
export function createIngestActivities(ports: DataPorts) {
  return {
    ingestDataset: atActivityEdge(async (input: IngestInput): Promise<IngestResult> => {
      const activity = currentActivity();
      const { dataset, datasetName } = input;
      const source = await ports.openSource(dataset.source, dataset.format);
      const answer = await cachedStage({
        store: ports.store,
        clock: ports.clock,
        signal: activity.signal,
        stage: 'ingest',
        codeVersion: CODE_VERSION,
        addressedBy: {
          listing: await fingerprint(source, activity),
          format: source.format,
          name: datasetName,
          groupBy: dataset.split.groupBy,
          maxQuarantined: dataset.maxQuarantined,
        },
        output: IngestOutput,
        compute: () => ingest(ports, input, source, activity),
      });
      const { images, classes, quarantined } = answer.output;
      const left = quarantined > 0 ? `, ${quarantined} quarantined` : '';
      return { stage: 'ingest', ...answer, summary: `${images} images in ${classes.length} classes${left}` };
    }),
  };
}

/** Names what the source offers now: paths, labels, sizes and change tags, in order. Nothing is opened. */
async function fingerprint(source: DatasetSource, activity: RunningActivity): Promise<Sha256> {
  const hash = createHash('sha256');
  let listed = 0;
  for await (const entry of source.list(activity.signal)) {
    hash.update(listingLine(entry));
    if (++listed % 1000 === 0) activity.heartbeat({ listed });
  }
  return asSha256(hash.digest('hex'));
}

async function ingest(
  ports: DataPorts,
  { dataset, datasetName, runId }: IngestInput,
  source: DatasetSource,
  activity: RunningActivity,
): Promise<{ output: IngestOutput; parts: BlobRef[] }> {
  const groupOf = unwrap(groupRule(dataset.split.groupBy));
  const scratchName = ['ingest', `${runId}-${activity.attempt}`] as const;
  const scratch = await ports.files.scratch(...scratchName);
  try {
    const catalog = new CatalogWriter(scratch);
    for await (const examined of examineEntries(ports, source, scratch, activity)) {
      if (examined.kind === 'bad') await catalog.quarantine(examined.item);
      else {
        const group = groupOf(examined.item.path);
        await catalog.add(group === undefined ? examined.item : { ...examined.item, group });
      }
      if (catalog.done % 100 === 0) activity.heartbeat({ done: catalog.done });
    }
    await catalog.close();
    catalog.check(source.where, dataset.maxQuarantined);
    return await catalog.publish(ports.store, { name: datasetName, format: source.format }, activity.signal);
  } finally {
    await ports.files.removeScratch(...scratchName);
  }
}
