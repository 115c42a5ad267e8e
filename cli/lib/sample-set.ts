import { stream } from '../../core/rng.ts';
import type { Settings } from '../../infra/config.ts';
import type { DatasetSource, SourceEntry } from '../../infra/ports/dataset-source.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { openDatasetSource, sourcesSetup } from '../../infra/sources/open-source.ts';
import type { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { inputError } from '../../core/errors.ts';
import type { Picture } from './scoring.ts';

/** Pictures of a data set, drawn evenly, and all of its classes. */
export interface SampleSet {
  readonly classes: readonly string[];
  readonly pictures: readonly Picture[];
  /** Usable items in the whole set. */
  readonly total: number;
}

/**
 * So many pictures of the data set that a pipeline names, the same for the same seed, in the order of the listing. Memory
 * holds the sample alone (Vitter's algorithm R with addressed draws). DATASET_* where the set can't be read.
 */
export async function samplePictures(
  store: ObjectStore | null,
  config: PipelineConfig,
  known: Settings,
  { count, scratchDir }: { readonly count: number; readonly scratchDir: string },
): Promise<SampleSet> {
  const { source: where, format, window, hierarchy } = config.dataset;
  const options = { task: 'classification', window, hierarchy } as const;
  const source = await openDatasetSource({ ...sourcesSetup(known), store })(where, format, options);
  const { kept, labels, total } = await drawEntries(source, config.train.seed, count, ({ label }) => (label === '' ? [] : [label])); // prettier-ignore
  const classes = [...labels].sort();
  if (classes.length < 2 || kept.length < classes.length) {
    throw inputError(
      'DATASET_CLASSES',
      where,
      `${kept.length} pictures of ${classes.length} classes`,
      'two classes or more',
    );
  }
  const index = new Map(classes.map((label, at) => [label, at]));
  const pictures: Picture[] = [];
  for (const entry of kept) {
    const path = await source.fetch(entry, scratchDir);
    pictures.push({ name: entry.path, path, label: index.get(entry.label) ?? null });
  }
  return { classes, pictures, total };
}

/** So many entries of the listing, drawn evenly, in its order; those without any label are passed over. */
export async function drawEntries(
  source: DatasetSource,
  seed: number,
  count: number,
  labelsOf: (entry: SourceEntry) => readonly string[],
) {
  const chance = stream(seed, 'sample');
  const kept: { readonly entry: SourceEntry; readonly at: number }[] = [];
  const labels = new Set<string>();
  let total = 0;
  for await (const entry of source.list()) {
    const own = labelsOf(entry);
    if (entry.problem !== undefined || own.length === 0) continue;
    for (const label of own) labels.add(label);
    const place = total < count ? total : Math.floor(chance.uniform(0, total) * (total + 1));
    if (place < count) kept[place] = { entry, at: total };
    total++;
  }
  const inOrder = [...kept].sort((a, b) => a.at - b.at).map(({ entry }) => entry);
  return { kept: inOrder, labels, total };
}
