import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { settleAnnotations } from '../../core/dataset/settle.ts';
import type { DatasetSource, SourceEntry } from '../../infra/ports/dataset-source.ts';
import { openDatasetSource } from '../../infra/sources/open-source.ts';
import type { SourcesSetup } from '../../infra/sources/open-source.ts';
import { createMemoryObjectStore } from '../fakes/memory-object-store.ts';

/** Sources without the internet; archives are unpacked below `unpackDir`. */
export function sourcesFor(unpackDir: string, more: Partial<SourcesSetup> = {}): ReturnType<typeof openDatasetSource> {
  const proxies = { http: null, https: null, no: null };
  const store = createMemoryObjectStore({ bucket: 'main' });
  return openDatasetSource({ store, unpackDir, proxies, urlAllow: [], ...more });
}

export const openSource = sourcesFor(join(tmpdir(), 'graft-test-unpacked'));

export async function entriesOf(source: DatasetSource): Promise<SourceEntry[]> {
  const entries: SourceEntry[] = [];
  for await (const entry of source.list()) entries.push(entry);
  return entries;
}

/** An entry as a test compares it: annotations in pixels of a picture of this size. */
export function shownEntry(entry: SourceEntry, picture: { width: number; height: number }) {
  const { path, label, annotations, problem } = entry;
  if (problem !== undefined) return { path, problem };
  const settled = settleAnnotations(annotations ?? { unit: 'pixels' }, picture);
  return { path, ...(label === '' ? {} : { label }), ...(settled.ok ? settled.value : { problem: settled.error }) };
}
