import type { Attribute } from '../native/backend.ts';
import type { Reader, Readers } from './readers.ts';
import type { RecordedOperation, Recording, Ref } from './recorder.ts';

type Kind = 'Pointwise' | 'Depthwise' | 'Winograd';

/** A convolution whose output's moments something sums. */
export interface Forward {
  readonly kind: Kind;
  readonly convolution: Reader;
  readonly moments: Reader;
}

/** The two gradients of a convolution, and the gradient through the BatchNorm behind it, which nothing else reads. */
export interface Backward {
  readonly kind: Kind;
  readonly norm: Reader;
  readonly input: Reader;
  readonly kernel: Reader;
  /** The convolution's input and kernel. */
  readonly x: Operand;
  readonly weights: Operand;
}

/** A BatchNorm that nothing but a convolution and its gradients read. */
export interface Between {
  readonly norm: Reader;
  readonly forward: Forward;
  readonly backward: Backward;
  /** The sums over the gradient to what the BatchNorm gives. */
  readonly sums: Reader;
}

/** The gradient to a first convolution's kernel alone, and the gradient through the BatchNorm behind it. */
export interface FirstBackward {
  readonly norm: Reader;
  readonly kernel: Reader;
}

export interface Operand {
  readonly ref: Ref;
  readonly shape: readonly number[];
}

/** What can be fused in a recording whose batch is in parts. */
export class Patterns {
  private readonly recording: Recording;
  private readonly readers: Readers;

  constructor(recording: Recording, readers: Readers) {
    this.recording = recording;
    this.readers = readers;
  }

  /** The convolution at `index` with the moments behind it. */
  forwardAt(index: number): Forward | null {
    const convolution = this.at(index);
    const kind = convolution && kindOf(convolution.operation, (each) => `Graft${each}`);
    const moments = this.readers.named(index, 0, 'GraftBatchNormMoments');
    return kind && moments ? { kind, convolution, moments } : null;
  }

  /** The gradient through BatchNorm at `index`, with the gradients of the convolution before it. */
  backwardAt(index: number): Backward | null {
    const norm = this.at(index);
    if (norm?.operation.name !== 'GraftBatchNormGradPart') return null;
    const readers = this.readers.of(index, 0).filter((reader) => reader !== null);
    const input = readers.find(({ operation }) => kindOf(operation, (each) => `Graft${each}InputGrad`));
    const kernel = readers.find(({ operation }) => kindOf(operation, (each) => `Graft${each}KernelGrad`));
    const kind = input && kindOf(input.operation, (each) => `Graft${each}InputGrad`);
    if (!kind || !kernel || this.readers.of(index, 0).length !== 2) return null;
    const [weights, x] = [operandOf(input, 1), operandOf(input, 2)];
    // The fused operation stands where the gradient through BatchNorm stood.
    if ([weights, x].some(({ ref }) => ref.kind === 'operation' && ref.index >= index)) return null;
    return { kind, norm, input, kernel, x, weights };
  }

  /** The BatchNorm at `index`, with the convolution behind it. */
  betweenAt(index: number): Between | null {
    const norm = this.at(index);
    if (norm?.operation.name !== 'GraftBatchNormPart') return null;
    const readers = this.readers.of(index, 0);
    const forward = this.first(readers, (reader) => (isInput(reader, 0, index) ? this.forwardAt(reader.index) : null));
    const backward = this.first(readers, (reader) => {
      const gradient = reader.operation.inputs[0];
      return gradient?.kind === 'operation' ? this.backwardAt(gradient.index) : null;
    });
    if (!forward || !backward || forward.kind !== backward.kind) return null;
    const own = [forward.convolution.index, backward.input.index, backward.kernel.index];
    const others = readers.some((reader) => !reader || !own.includes(reader.index));
    const sums = this.readers.named(backward.input.index, 0, 'GraftBatchNormGradSums');
    const x = operandOf(norm, 0).ref;
    if (others || readers.length !== own.length || !sums || !isSame(operandOf(sums, 1).ref, x)) return null;
    return { norm, forward, backward, sums };
  }

  /** The gradient at `index` to the kernel of a convolution whose input wants none, with that through the BatchNorm behind it. */
  firstBackwardAt(index: number): FirstBackward | null {
    const kernel = this.at(index);
    if (kernel?.operation.name !== 'GraftPatchesKernelGrad') return null;
    const { ref } = operandOf(kernel, 1);
    const norm = ref.kind === 'operation' ? this.at(ref.index) : null;
    if (norm?.operation.name !== 'GraftBatchNormGradPart' || this.readers.of(norm.index, 0).length !== 1) return null;
    return { norm, kernel };
  }

  private first<T>(readers: readonly (Reader | null)[], find: (reader: Reader) => T | null): T | null {
    for (const reader of readers) {
      const found = reader && find(reader);
      if (found) return found;
    }
    return null;
  }

  private at(index: number): Reader | null {
    const operation = this.recording.operations[index];
    return operation ? { index, operation } : null;
  }
}

const KINDS: readonly Kind[] = ['Pointwise', 'Depthwise', 'Winograd'];

/** Which kind of convolution an operation of this name is of; a stride is left to the kernels for depthwise ones. */
function kindOf(operation: RecordedOperation, nameOf: (kind: Kind) => string): Kind | null {
  const kind = KINDS.find((each) => operation.name === nameOf(each)) ?? null;
  return kind === 'Pointwise' && Number(valueNamed(operation, 'stride')) !== 1 ? null : kind;
}

export const isInput = ({ operation }: Reader, at: number, index: number): boolean => {
  const ref = operation.inputs[at];
  return ref?.kind === 'operation' && ref.index === index;
};

export const isSame = (a: Ref, b: Ref): boolean =>
  a.kind === 'operation' && b.kind === 'operation' && a.index === b.index && a.output === b.output;

export function operandOf({ operation }: Reader, at: number): Operand {
  const [ref, shape] = [operation.inputs[at], operation.inputShapes[at]];
  if (!ref || !shape) throw new Error(`${operation.name} has no input ${at}`);
  return { ref, shape };
}

export const valueNamed = (operation: RecordedOperation, name: string): Attribute['value'] | undefined =>
  operation.attributes.find((attribute) => attribute.name === name)?.value;

/** Attributes with these names. */
export const attributesNamed = (operation: RecordedOperation, ...names: readonly string[]): Attribute[] =>
  operation.attributes.filter(({ name }) => names.includes(name));
