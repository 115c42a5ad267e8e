import type { Task } from '../../contracts/annotations.ts';
import type { DatasetFormat } from '../../contracts/dataset-formats.ts';
import type { Window } from '../../core/dataset/window.ts';
import type { AnnotationProblem, SourceAnnotations } from '../../core/dataset/annotations.ts';

/** One file that a source offers. `tag` changes whenever the file does: size and mtime, or an ETag. */
export interface SourceEntry {
  /** Relative to the source, `/`-separated, in Unicode form NFC. */
  readonly path: string;
  /** Empty where the data set has boxes. */
  readonly label: string;
  readonly sizeBytes: number;
  readonly tag: string;
  /** All but the one label of a classified picture. */
  readonly annotations?: SourceAnnotations;
  /** Why it can't be used, whatever its pixels are: it is quarantined without being fetched. */
  readonly problem?: AnnotationProblem;
  /** `fetch` makes another file of it (DICOM becomes PNG): its size says nothing of the result's. */
  readonly converted?: boolean;
}

export type SourceTask = Task;
export type SourceFormat = DatasetFormat;

/** Where pictures come from: a folder, a table, a tool's own layout, an archive. Lists in a stable order (by path). */
export interface DatasetSource {
  readonly format: SourceFormat;
  readonly task: SourceTask;
  readonly where: string;
  /**
   * Streams the listing, each path once; throws GraftErrors (DATASET_MISSING, DATASET_CLASSES, ANNOTATION_ORPHAN …) of kind
   * `input` where the data set as a whole is wrong; what is wrong with one item is its `problem`.
   */
  list(signal?: AbortSignal): AsyncIterable<SourceEntry>;
  /**
   * A local path of the entry's bytes: the file itself, or a copy below `scratchDir` that the caller deletes. Throws
   * IMAGE_… and DICOM_… of kind `input` where the item itself can't be used: it is quarantined.
   */
  fetch(entry: SourceEntry, scratchDir: string, signal?: AbortSignal): Promise<string>;
  /**
   * Where an entry that is not `converted` lies on this disk, if files do; nobody looks whether it still does, which
   * `fetch` asks the disk for: whoever opens the file finds out.
   */
  placeOf?(entry: SourceEntry): string;
}

export interface OpenSourceOptions {
  /** What the annotations are wanted for; what the format is made for where absent. DATASET_TASK where it has none such. */
  readonly task?: SourceTask;
  /** How medical pictures of more than eight bits are shown; what the file says, or its full range, where absent. */
  readonly window?: Window | null;
  /** Says of the classes above what is said of a class, and of those below what is absent; Open Images alone has them. */
  readonly hierarchy?: 'ignore' | 'expand';
  readonly signal?: AbortSignal;
}

/** Opens whatever `dataset.source` names; throws DATASET_MISSING with what was looked for. */
export type OpenDatasetSource = (
  source: string,
  format: 'auto' | SourceFormat,
  options?: OpenSourceOptions,
) => Promise<DatasetSource>;
