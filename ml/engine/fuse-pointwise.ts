import { neededOperations, rootsOf } from './needed.ts';
import type { RecordedOperation, Recording, Ref } from './recorder.ts';
import { remapped } from './remap.ts';

/**
 * The same program, a batch of which is in parts (`splitBatch`), with fewer passes over memory: a convolution of one pixel
 * sums the moments of the BatchNorm behind it while it makes its rows, and its two gradients take the gradient through that
 * BatchNorm block by block, which then is nowhere as a whole (infra/native/kernels/pointwise-parts.cc).
 */
export function fusePointwise(recording: Recording): Recording {
  return new Fuser(recording).run();
}

type OperationRef = Extract<Ref, { readonly kind: 'operation' }>;

interface Reader {
  readonly index: number;
  readonly operation: RecordedOperation;
}

class Fuser {
  private readonly recording: Recording;
  /** Who reads an output of an operation; null beside them for what is read from outside. */
  private readonly readers = new Map<string, (Reader | null)[]>();
  private readonly operations: RecordedOperation[] = [];
  /** Where the outputs of the recording's operations are now. */
  private readonly moved = new Map<string, Ref>();

  constructor(recording: Recording) {
    this.recording = recording;
    for (const index of neededOperations(recording)) {
      const operation = recording.operations[index];
      for (const ref of operation?.inputs ?? []) if (operation) this.addReader(ref, { index, operation });
    }
    for (const ref of rootsOf(recording)) this.addReader(ref, null);
  }

  run(): Recording {
    const skipped = new Set<number>();
    for (const index of neededOperations(this.recording)) {
      const operation = this.recording.operations[index];
      if (operation === undefined || skipped.has(index)) continue;
      const fused = this.withMoments(index, operation) ?? this.withGradient(index, operation);
      if (fused === null)
        this.add(
          operation,
          operation.outputShapes.map((_, output) => [index, output] as const),
        );
      for (const each of fused ?? []) skipped.add(each);
    }
    return { ...this.recording, operations: this.operations, ...remapped(this.recording, (ref) => this.at(ref)) };
  }

  /** The moments of what a convolution makes, summed as it makes it; whom it replaces, or null. */
  private withMoments(index: number, operation: RecordedOperation): readonly number[] | null {
    if (operation.name !== 'GraftPointwise' || strideOf(operation) !== 1) return null;
    const moments = this.readersOf({ kind: 'operation', index, output: 0 }).find(
      (reader) => reader?.operation.name === 'GraftBatchNormMoments',
    );
    if (!moments) return null;
    const outputShapes = [...operation.outputShapes, ...moments.operation.outputShapes];
    this.add({ ...operation, name: 'GraftPointwiseMoments', attributes: [], outputShapes }, [
      [index, 0],
      [moments.index, 0],
      [moments.index, 1],
    ]);
    return [moments.index];
  }

  /** Both gradients of a convolution, with the gradient through the BatchNorm behind it; whom it replaces, or null. */
  private withGradient(index: number, operation: RecordedOperation): readonly number[] | null {
    if (operation.name !== 'GraftBatchNormGradPart') return null;
    const readers = this.readersOf({ kind: 'operation', index, output: 0 });
    const input = readers.find((reader) => reader?.operation.name === 'GraftPointwiseInputGrad');
    const kernel = readers.find((reader) => reader?.operation.name === 'GraftPointwiseKernelGrad');
    if (!input || !kernel || readers.length !== 2 || strideOf(input.operation) !== 1) return null;
    const [, weights, x] = input.operation.inputs;
    const [, weightsShape, xShape] = input.operation.inputShapes;
    if (!weights || !x || !weightsShape || !xShape || [weights, x].some((ref) => !this.isBefore(ref, index)))
      return null;
    const fused: RecordedOperation = {
      name: 'GraftPointwiseNormGrad',
      attributes: operation.attributes.filter(({ name }) => name !== 'rows'),
      inputs: [...operation.inputs, x, weights],
      inputShapes: [...operation.inputShapes, xShape, weightsShape],
      outputShapes: [...input.operation.outputShapes, ...kernel.operation.outputShapes],
    };
    this.add(fused, [
      [input.index, 0],
      [kernel.index, 0],
    ]);
    return [input.index, kernel.index];
  }

  /** Adds an operation, whose outputs stand for these `[operation, output]` of the recording. */
  private add(operation: RecordedOperation, outputs: readonly (readonly [number, number])[]): void {
    const index = this.operations.length;
    this.operations.push({ ...operation, inputs: operation.inputs.map((ref) => this.at(ref)) });
    for (const [output, [of, at]] of outputs.entries()) {
      this.moved.set(keyOf({ kind: 'operation', index: of, output: at }), { kind: 'operation', index, output });
    }
  }

  private at(ref: Ref): Ref {
    if (ref.kind !== 'operation') return ref;
    const moved = this.moved.get(keyOf(ref));
    if (moved === undefined) throw new Error(`operation ${ref.index} comes later`);
    return moved;
  }

  private isBefore(ref: Ref, index: number): boolean {
    return ref.kind !== 'operation' || ref.index < index;
  }

  private addReader(ref: Ref, reader: Reader | null): void {
    if (ref.kind !== 'operation') return;
    const readers = this.readers.get(keyOf(ref)) ?? [];
    readers.push(reader);
    this.readers.set(keyOf(ref), readers);
  }

  private readersOf(ref: OperationRef): readonly (Reader | null)[] {
    return this.readers.get(keyOf(ref)) ?? [];
  }
}

const strideOf = ({ attributes }: RecordedOperation): number =>
  Number(attributes.find(({ name }) => name === 'stride')?.value);

const keyOf = ({ index, output }: OperationRef): string => `${index} ${output}`;
