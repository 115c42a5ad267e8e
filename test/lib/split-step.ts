import type { BackboneName } from '../../core/backbone-facts.ts';
import type { Strategy } from '../../core/training/frozen-prefix.ts';
import { record } from '../../ml/engine/recorder.ts';
import type { Recording } from '../../ml/engine/recorder.ts';
import { splitBatch } from '../../ml/engine/split-batch.ts';
import { nativeBackend } from '../../ml/native/backend.ts';
import { buildModel } from '../../ml/trainer/model.ts';
import { stepProgram } from '../../ml/trainer/programs.ts';
import { stepOptions, stepState } from './step-network.ts';

/** A step of a network of two classes, 32 × 32 pixels, Adam, its batch in two parts. */
export function splitStep(
  backbone: BackboneName,
  strategy: Strategy,
  { lastN = 0, batch = 4 }: { readonly lastN?: number; readonly batch?: number } = {},
): Recording {
  const model = buildModel({ backbone, strategy, classes: ['a', 'b'], dropout: 0 }, lastN);
  const options = stepOptions({ kind: 'adam' }, { seed: 3 });
  const program = stepProgram(model, { kind: 'pixels', shape: [32, 32, 3] }, batch, options);
  return splitBatch(record(program, stepState(model, options)), 2, nativeBackend().binding);
}

export const countOf = ({ operations }: Recording, name: string): number =>
  operations.filter((operation) => operation.name === name).length;
