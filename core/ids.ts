declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** `digits-20261124-101500-3f9a`: unique, sortable, safe in keys and workflow ids. */
export type RunId = Branded<string, 'RunId'>;
/** SHA-256 in lower-case hex (64 characters). */
export type Sha256 = Branded<string, 'Sha256'>;
/** SHA-256 over the sorted items of a data set. */
export type DatasetVersion = Branded<string, 'DatasetVersion'>;
/** The content address of a stage: SHA-256 over its inputs, the parameters that matter and its code version. */
export type StageKey = Branded<string, 'StageKey'>;
/** The key of a checkpoint's manifest: `runs/<runId>/checkpoints/<step>-<attempt>/manifest.json`. */
export type CheckpointRef = Branded<string, 'CheckpointRef'>;

const RUN_ID = /^[a-z0-9][a-z0-9-]{0,99}$/;
const SHA256 = /^[0-9a-f]{64}$/;

export function isRunId(text: string): text is RunId {
  return RUN_ID.test(text);
}

export function isSha256(text: string): text is Sha256 {
  return SHA256.test(text);
}

/** Throws on anything that is not 64 lower-case hex digits: a programming error, not a user's. */
export function asSha256(text: string): Sha256 {
  if (!isSha256(text)) throw new Error(`not a SHA-256: ${text.slice(0, 80)}`);
  return text;
}

export function asRunId(text: string): RunId {
  if (!isRunId(text)) throw new Error(`not a run id: ${text.slice(0, 120)}`);
  return text;
}

export const asDatasetVersion = (hash: Sha256): DatasetVersion => hash as string as DatasetVersion;
export const asStageKey = (hash: Sha256): StageKey => hash as string as StageKey;
export const asCheckpointRef = (key: string): CheckpointRef => key as CheckpointRef;
