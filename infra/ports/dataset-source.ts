/** One file that a source offers. `tag` changes whenever the file does: size and mtime, or an ETag. */
export interface SourceEntry {
  /** Relative to the source, `/`-separated, in Unicode form NFC. */
  readonly path: string;
  readonly label: string;
  readonly sizeBytes: number;
  readonly tag: string;
}

/** Where pictures come from: a folder, a CSV file or an S3 prefix. Lists in a stable order (by path). */
export interface DatasetSource {
  readonly format: 'folder' | 'csv';
  readonly where: string;
  /** Streams the listing; throws GraftErrors (DATASET_MISSING, DATASET_CLASSES, ANNOTATION_ORPHAN …) of kind `input`. */
  list(signal?: AbortSignal): AsyncIterable<SourceEntry>;
  /** A local path of the entry's bytes: the file itself, or a copy below `scratchDir` that the caller deletes. */
  fetch(entry: SourceEntry, scratchDir: string, signal?: AbortSignal): Promise<string>;
}

/** Opens whatever `dataset.source` names; throws DATASET_MISSING with what was looked for. */
export type OpenDatasetSource = (source: string, format: 'auto' | 'folder' | 'csv') => Promise<DatasetSource>;
