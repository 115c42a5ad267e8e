import type { Attribute } from '../native/backend.ts';
import type { Operand } from './fuse-patterns.ts';
import { attributesNamed, isInput, operandOf, valueNamed } from './fuse-patterns.ts';
import { neededOperations } from './needed.ts';
import { Readers } from './readers.ts';
import type { Reader } from './readers.ts';
import type { RecordedOperation, Recording } from './recorder.ts';
import { Rewriting } from './rewriting.ts';

/**
 * The same program, a batch of which is in parts (`splitBatch`), with fewer passes over memory where a shortcut is added to
 * what a block's last BatchNorm gives (infra/native/kernels/shortcut-parts.cc). Forth, normalization, addition and activation
 * are one operation. Back, one operation adds up the gradients from behind, keeps what the activation passes of them, and
 * sums what the BatchNorm's own gradient needs.
 */
export function fuseShortcuts(recording: Recording): Recording {
  return new Fuser(recording).run();
}

/** A linear BatchNorm, what is added to it, and a ReLU where nothing else reads the sum. */
interface Forward {
  readonly norm: Reader;
  readonly shortcut: Operand;
  readonly relu: Reader | null;
}

/** The gradients that are added up, the ReLU that they go through, and the sums over the result for a BatchNorm. */
interface Backward {
  readonly gradients: readonly Operand[];
  readonly passed: Reader | null;
  readonly sums: Reader;
}

class Fuser {
  private readonly recording: Recording;
  private readonly readers: Readers;
  private readonly rewriting: Rewriting;
  /** By the addition. */
  private readonly forwards = new Map<number, Forward>();

  constructor(recording: Recording) {
    this.recording = recording;
    this.readers = new Readers(recording);
    this.rewriting = new Rewriting(recording);
  }

  run(): Recording {
    for (const index of neededOperations(this.recording)) {
      const forward = this.forwardAt(this.at(index));
      if (forward === null) continue;
      this.forwards.set(index, forward);
      this.rewriting.skip(forward.norm.index);
    }
    return this.rewriting.run((operation) => this.rewrite(operation));
  }

  private rewrite(reader: Reader): boolean {
    const forward = this.forwards.get(reader.index);
    const backward = this.backwardAt(reader);
    if (forward) this.addForward(reader, forward);
    else if (backward) this.addBackward(reader, backward);
    else return false;
    return true;
  }

  private forwardAt(addition: Reader): Forward | null {
    if (!isAddition(addition.operation)) return null;
    for (const [own, other] of [[0, 1] as const, [1, 0] as const]) {
      const ref = addition.operation.inputs[own];
      const norm = ref?.kind === 'operation' ? this.at(ref.index) : null;
      if (norm?.operation.name !== 'GraftBatchNormPart' || !isLinear(norm.operation)) continue;
      if (this.readers.of(norm.index, 0).length !== 1) continue;
      return { norm, shortcut: operandOf(addition, other), relu: this.soleReader(addition, 'Relu') };
    }
    return null;
  }

  private backwardAt(reader: Reader): Backward | null {
    const adds = isAddition(reader.operation);
    const passed = reader.operation.name === 'ReluGrad' ? reader : adds ? this.soleReader(reader, 'ReluGrad') : null;
    if (!adds && passed === null) return null;
    const result = passed ?? reader;
    const sums = this.readers.named(result.index, 0, 'GraftBatchNormGradSums');
    if (!sums || !isLinear(sums.operation)) return null;
    const gradients = adds ? [operandOf(reader, 0), operandOf(reader, 1)] : [operandOf(reader, 0)];
    // The fused operation stands where the first of them stood.
    const others = [operandOf(sums, 1), operandOf(sums, 4), ...(passed ? [operandOf(passed, 1)] : [])];
    const isThere = ({ ref }: Operand): boolean => ref.kind !== 'operation' || ref.index < reader.index;
    return others.every(isThere) ? { gradients, passed, sums } : null;
  }

  private addForward(addition: Reader, { norm, shortcut, relu }: Forward): void {
    const operands = [...norm.operation.inputs.map((_, at) => operandOf(norm, at)), shortcut];
    const attributes = [this.integer(norm, 'activation', relu ? 1 : 0)];
    this.rewriting.fuse('GraftShortcutAdd', attributes, operands, [relu ?? addition]);
  }

  private addBackward(reader: Reader, { gradients, passed, sums }: Backward): void {
    const activated = passed ? [operandOf(passed, 1)] : [];
    const attributes = [
      this.integer(sums, 'gradients_count', gradients.length),
      this.integer(sums, 'activated_count', activated.length),
    ];
    const operands = [...gradients, ...activated, operandOf(sums, 1), operandOf(sums, 4)];
    this.rewriting.fuse('GraftShortcutGradSums', attributes, operands, [passed ?? reader, sums]);
  }

  /** An attribute of the kind that `like` has. */
  private integer({ operation }: Reader, name: string, value: number): Attribute {
    const [like] = attributesNamed(operation, 'activation');
    if (!like) throw new Error(`${operation.name} has no activation`);
    return { ...like, name, value };
  }

  /** What alone reads an operation, as its first input. */
  private soleReader(of: Reader, name: string): Reader | null {
    const only = this.readers.sole(of.index, 0);
    return only?.operation.name === name && isInput(only, 0, of.index) ? only : null;
  }

  private at(index: number): Reader {
    const operation = this.recording.operations[index];
    if (!operation) throw new Error(`no operation ${index}`);
    return { index, operation };
  }
}

const isLinear = (operation: RecordedOperation): boolean => Number(valueNamed(operation, 'activation')) === 0;

/** Of two tensors of the same shape. */
function isAddition({ name, inputShapes, outputShapes }: RecordedOperation): boolean {
  const [shape = []] = outputShapes;
  const isSame = (other: readonly number[]): boolean => other.join() === shape.join();
  return name === 'Add' && shape.length > 1 && inputShapes.every(isSame);
}
