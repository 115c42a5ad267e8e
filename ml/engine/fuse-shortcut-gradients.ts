import type { Attribute } from '../native/backend.ts';
import type { Operand } from './fuse-patterns.ts';
import { attributesNamed, operandOf, valueNamed } from './fuse-patterns.ts';
import { neededOperations } from './needed.ts';
import { Readers } from './readers.ts';
import type { Reader } from './readers.ts';
import type { Recording } from './recorder.ts';
import { Rewriting } from './rewriting.ts';

/** A convolution of one pixel whose input is a sum with a shortcut, back: its gradients, and what becomes of that to the sum. */
interface Sum {
  readonly convolution: Reader;
  readonly sums: Reader;
  /** The gradient from the other side. */
  readonly shortcut: Operand;
  /** The input and the mean of the BatchNorm in the sum. */
  readonly x: Operand;
  readonly mean: Operand;
  readonly isActivated: boolean;
}

/**
 * The same program, once `fuseShortcuts` and `fuseBatchNorm` have been over it, where the gradient to a block's input is added
 * to the one that goes by the shortcut: while rows of the first are still in a core's cache, so that it is nowhere as a whole
 * (infra/native/kernels/pointwise-parts.cc).
 */
export function fuseShortcutGradients(recording: Recording): Recording {
  const readers = new Readers(recording);
  const rewriting = new Rewriting(recording);
  const found = new Map<number, Sum>();
  for (const index of neededOperations(recording)) {
    const sum = sumAt(recording, readers, index);
    if (sum === null) continue;
    found.set(sum.convolution.index, sum);
    rewriting.skip(index);
  }
  return rewriting.run(({ index }) => {
    const sum = found.get(index);
    if (sum) addSum(rewriting, sum);
    return sum !== undefined;
  });
}

function sumAt(recording: Recording, readers: Readers, index: number): Sum | null {
  const operation = recording.operations[index];
  if (operation?.name !== 'GraftShortcutGradSums' || valueNamed(operation, 'gradients_count') !== 2) return null;
  const sums = { index, operation };
  const activated = Number(valueNamed(operation, 'activated_count'));
  const [x, mean] = [operandOf(sums, 2 + activated), operandOf(sums, 3 + activated)];
  for (const [own, other] of [[0, 1] as const, [1, 0] as const]) {
    const convolution = convolutionOf(recording, readers, operandOf(sums, own));
    if (convolution === null) continue;
    // What the ReLU gave is what the convolution took.
    const behind = activated === 1 ? operandOf(sums, 2) : null;
    if (behind && !isSame(behind, operandOf(convolution, CONVOLUTION_X))) continue;
    const shortcut = operandOf(sums, other);
    // The fused operation stands where the convolution's gradients stood.
    const isThere = ({ ref }: Operand): boolean => ref.kind !== 'operation' || ref.index < convolution.index;
    if (![shortcut, x, mean].every(isThere)) continue;
    return { convolution, sums, shortcut, x, mean, isActivated: activated === 1 };
  }
  return null;
}

/** Where the gradients of a convolution have its input among their own inputs. */
const CONVOLUTION_X = 8;

/** The gradients of a convolution, whose first nothing but the sum reads. */
function convolutionOf(recording: Recording, readers: Readers, { ref }: Operand): Reader | null {
  const operation = ref.kind === 'operation' ? recording.operations[ref.index] : undefined;
  if (ref.kind !== 'operation' || ref.output !== 0 || operation?.name !== 'GraftPointwiseNormGrad') return null;
  return readers.of(ref.index, 0).length === 1 ? { index: ref.index, operation } : null;
}

function isSame(a: Operand, b: Operand): boolean {
  if (a.ref.kind !== 'operation' || b.ref.kind !== 'operation') return false;
  return a.ref.index === b.ref.index && a.ref.output === b.ref.output;
}

function addSum(rewriting: Rewriting, { convolution, sums, shortcut, x, mean, isActivated }: Sum): void {
  const own = convolution.operation.inputs.map((_, at) => operandOf(convolution, at));
  const [activation] = attributesNamed(convolution.operation, 'activation');
  if (!activation) throw new Error('a gradient through BatchNorm has an activation');
  const activated: Attribute = { ...activation, name: 'activated', value: isActivated ? 1 : 0 };
  const unread = [{ index: convolution.index, output: 0 }];
  rewriting.fuse(
    'GraftPointwiseNormGradSums',
    [activation, activated],
    [...own, shortcut, x, mean],
    [convolution, sums],
    unread,
  );
}
