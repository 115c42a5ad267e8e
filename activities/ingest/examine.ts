import { rm } from 'node:fs/promises';
import pLimit from 'p-limit';
import type { DatasetItem, QuarantinedItem } from '../../contracts/manifests.ts';
import type { GraftError } from '../../core/errors.ts';
import type { Result } from '../../core/result.ts';
import type { DatasetSource, SourceEntry } from '../../infra/ports/dataset-source.ts';
import type { ImageInfo } from '../../infra/ports/image-decoder.ts';
import type { RunningActivity } from '../lib/activity-context.ts';
import { rawBlobKey } from '../lib/dataset-items.ts';
import { sha256OfFile } from '../lib/hash.ts';
import type { DataPorts } from '../ports.ts';

export type Examined =
  { readonly kind: 'good'; readonly item: DatasetItem } | { readonly kind: 'bad'; readonly item: QuarantinedItem };

/** Entries that are in the decoder, the hash or the network at once: bounds memory and sockets. */
const BATCH = 64;
const PARALLEL = 16;

/** Decodes, hashes and stores every entry, in the order of the listing. */
export async function* examineEntries(
  ports: DataPorts,
  source: DatasetSource,
  scratch: string,
  activity: RunningActivity,
): AsyncGenerator<Examined> {
  let batch: SourceEntry[] = [];
  for await (const entry of source.list(activity.signal)) {
    batch.push(entry);
    if (batch.length < BATCH) continue;
    yield* await examineBatch(ports, source, batch, scratch, activity);
    batch = [];
  }
  yield* await examineBatch(ports, source, batch, scratch, activity);
}

async function examineBatch(
  ports: DataPorts,
  source: DatasetSource,
  entries: readonly SourceEntry[],
  scratch: string,
  activity: RunningActivity,
): Promise<Examined[]> {
  activity.signal.throwIfAborted();
  const limit = pLimit(PARALLEL);
  const paths = await Promise.all(entries.map((entry) => limit(() => source.fetch(entry, scratch, activity.signal))));
  const infos = await ports.images.inspect(paths, activity.signal);
  const examined = await Promise.all(
    entries.map((entry, i) => limit(() => examine(ports, entry, paths[i] ?? '', infos[i], activity.signal))),
  );
  // What was copied from elsewhere has been stored: the scratch folder holds one batch at the most.
  await Promise.all(paths.filter((path) => path.startsWith(scratch)).map((path) => rm(path, { force: true })));
  return examined;
}

async function examine(
  { store }: DataPorts,
  entry: SourceEntry,
  path: string,
  info: Result<ImageInfo, GraftError> | undefined,
  signal: AbortSignal,
): Promise<Examined> {
  if (!info) throw new Error(`no answer for ${entry.path}`);
  if (!info.ok) return quarantined(entry, info.error);
  const sha256 = await sha256OfFile(path, signal);
  const key = rawBlobKey(sha256);
  // Content-addressed: what is there with its size need not go up again, also after a crash.
  const there = await store.head(key, { signal });
  if (there?.sizeBytes !== entry.sizeBytes) await store.putFile(key, path, sha256, { signal });
  const { label, sizeBytes } = entry;
  return { kind: 'good', item: { path: entry.path, label, sha256, sizeBytes, ...info.value } };
}

function quarantined(entry: SourceEntry, error: GraftError): Examined {
  if (error.kind !== 'input') throw error;
  const { seen, expected } = error.parts;
  const reason = expected === undefined ? seen : `${seen}; expected ${expected}`;
  return { kind: 'bad', item: { path: entry.path, code: error.code, reason } };
}
