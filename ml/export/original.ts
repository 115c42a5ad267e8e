import type { ExportCheck } from '../../contracts/export.ts';
import type { ExportJob } from '../../contracts/ml-protocol.ts';
import { breathe, StopRequested } from '../trainer/job.ts';
import type { JobHost } from '../trainer/job.ts';
import { range } from '../trainer/samples.ts';
import type { SampleReader } from '../trainer/samples.ts';
import type { ParamSpec } from '../nn/module.ts';
import type { Preprocessing } from '../nn/preprocessing.ts';
import type { ExportedModel } from './exported-model.ts';

/** A float32 export that is farther from the original than this is not handed over. */
export const TOLERANCE = 1e-4;
/** Pictures of the check where no accuracy is to be measured: a lossless export differs by rounding alone. */
const CHECKED = 64;

/** The model that an export is made of and compared with. */
export interface Original {
  readonly specs: readonly ParamSpec[];
  readonly values: ReadonlyMap<string, Float32Array>;
  readonly preprocessing: Preprocessing;
  /** Of a detector: [anchors × 4]. */
  readonly anchors: Float32Array | null;
  compare(exported: ExportedModel, host: JobHost): Promise<ExportCheck>;
  /** What is wrong with an export that must not be handed over, and what was expected; null for nothing. */
  refusal(check: ExportCheck): { readonly seen: string; readonly expected: string } | null;
  dispose(): void;
}

/** What an original is loaded with. */
export interface OriginalOptions {
  readonly job: ExportJob;
  readonly samples: SampleReader;
  readonly scratchDir: string;
}

/** Rows that are compared: all where bits were given away, else some, evenly over all. */
export function checkedRows({ precision }: ExportJob, { rows }: SampleReader): readonly number[] {
  if (precision !== 'float32') return range(0, rows);
  const count = Math.min(CHECKED, rows);
  return Array.from({ length: count }, (_, index) => Math.floor((index * rows) / count));
}

/** Goes through rows batch by batch and tells how far it is. Throws StopRequested. */
export async function eachBatch(
  rows: readonly number[],
  size: number,
  host: JobHost,
  work: (indexes: readonly number[]) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < rows.length; start += size) {
    const indexes = rows.slice(start, start + size);
    await work(indexes);
    host.emit({ kind: 'features', done: start + indexes.length, total: rows.length });
    await breathe();
    if (host.stopRequested()) throw new StopRequested('stopped while checking the export');
  }
}

/** An output that an export is known to give. */
export function numbersOfOutput(outputs: ReadonlyMap<string, Float32Array>, name: string): Float32Array {
  const found = outputs.get(name);
  if (!found) throw new Error(`the export gave no ${name}`);
  return found;
}
