import type { Attribute } from '../native/backend.ts';
import type { Operand } from './fuse-patterns.ts';
import { attributesNamed, isInput, isSame, operandOf, valueNamed } from './fuse-patterns.ts';
import { neededOperations } from './needed.ts';
import { Readers } from './readers.ts';
import type { Reader } from './readers.ts';
import type { Recording } from './recorder.ts';
import { Rewriting } from './rewriting.ts';

/** A sum with a shortcut, and a convolution of one pixel that takes it. */
interface Forward {
  readonly sum: Reader;
  readonly convolution: Reader;
}

/** The same back: the convolution's gradients, and what becomes of that to the sum. */
interface Backward {
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
 * The same program, once `fuseShortcuts` and `fuseBatchNorm` have been over it, where a block begins with a convolution of one
 * pixel (infra/native/kernels/pointwise-parts.cc). Forth, rows of the sum with the shortcut, which is the block's input, are
 * convolved while they are in a core's cache. Back, the gradient to that input is added to the one that goes by the shortcut
 * while its rows are there, and is nowhere as a whole.
 */
export function fuseBlockInputs(recording: Recording): Recording {
  const readers = new Readers(recording);
  const rewriting = new Rewriting(recording);
  const forwards = new Map<number, Forward>();
  const backwards = new Map<number, Backward>();
  for (const index of neededOperations(recording)) {
    const forward = forwardAt(recording, readers, index);
    const backward = backwardAt(recording, readers, index);
    if (forward) {
      forwards.set(index, forward);
      rewriting.skip(forward.convolution.index);
    }
    if (backward) {
      backwards.set(backward.convolution.index, backward);
      rewriting.skip(index);
    }
  }
  return rewriting.run(({ index }) => {
    const [forward, backward] = [forwards.get(index), backwards.get(index)];
    if (forward) addForward(rewriting, forward);
    else if (backward) addBackward(rewriting, backward);
    else return false;
    return true;
  });
}

function forwardAt(recording: Recording, readers: Readers, index: number): Forward | null {
  const operation = recording.operations[index];
  const convolution = operation?.name === 'GraftShortcutAdd' && readers.named(index, 0, 'GraftPointwiseMoments');
  if (!operation || !convolution || !isInput(convolution, 0, index)) return null;
  // The fused operation stands where the sum stood.
  const { ref } = operandOf(convolution, 1);
  return ref.kind === 'operation' && ref.index > index ? null : { sum: { index, operation }, convolution };
}

function backwardAt(recording: Recording, readers: Readers, index: number): Backward | null {
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
    if (behind && !isSame(behind.ref, operandOf(convolution, CONVOLUTION_X).ref)) continue;
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

function addForward(rewriting: Rewriting, { sum, convolution }: Forward): void {
  const [activation] = attributesNamed(sum.operation, 'activation');
  if (!activation) throw new Error('a sum with a shortcut has an activation');
  const operands = [...sum.operation.inputs.map((_, at) => operandOf(sum, at)), operandOf(convolution, 1)];
  const attributes = [{ ...activation, name: 'before' }];
  rewriting.fuse('GraftShortcutPointwiseMoments', attributes, operands, [sum, convolution]);
}

function addBackward(rewriting: Rewriting, { convolution, sums, shortcut, x, mean, isActivated }: Backward): void {
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
