import type { TypeNumbers } from './graph.ts';
import type { Operand } from './fuse-patterns.ts';
import { isInput, operandOf } from './fuse-patterns.ts';
import { neededOperations } from './needed.ts';
import { Readers } from './readers.ts';
import type { Reader } from './readers.ts';
import type { Recording, Ref } from './recorder.ts';
import { Rewriting } from './rewriting.ts';

/** A part of the pictures with a factor and an offset a channel. */
interface Scaling {
  readonly slice: Reader;
  readonly multiplication: Reader;
  readonly factor: Operand;
  readonly offset: Operand;
  /** The part's first row, and how many there are. */
  readonly begin: number;
  readonly rows: number;
}

/**
 * The same program, a batch of which is in parts (`splitBatch`), where pictures become what a network was trained on: cut,
 * factor and offset are one pass over memory (infra/native/kernels/scale-part.cc) in the place of three.
 */
export function fuseScaling(recording: Recording, { TF_ATTR_INT }: Pick<TypeNumbers, 'TF_ATTR_INT'>): Recording {
  const readers = new Readers(recording);
  const rewriting = new Rewriting(recording);
  const found = new Map<number, Scaling>();
  for (const index of neededOperations(recording)) {
    const scaling = scalingAt(recording, readers, index);
    if (scaling === null) continue;
    found.set(index, scaling);
    rewriting.skip(scaling.slice.index);
    rewriting.skip(scaling.multiplication.index);
  }
  if (found.size === 0) return recording;
  return rewriting.run((addition) => {
    const scaling = found.get(addition.index);
    if (!scaling) return false;
    const attributes = [
      { name: 'begin', type: TF_ATTR_INT, value: scaling.begin },
      { name: 'rows', type: TF_ATTR_INT, value: scaling.rows },
    ];
    const operands = [operandOf(scaling.slice, 0), scaling.factor, scaling.offset];
    rewriting.fuse('GraftScalePart', attributes, operands, [addition]);
    return true;
  });
}

/** What the addition at `index` ends. */
function scalingAt(recording: Recording, readers: Readers, index: number): Scaling | null {
  const addition = readerAt(recording, { kind: 'operation', index, output: 0 }, 'Add');
  const multiplication = addition && readerAt(recording, operandOf(addition, 0).ref, 'Mul');
  const slice = multiplication && readerAt(recording, operandOf(multiplication, 0).ref, 'Slice');
  if (!addition || !multiplication || !slice) return null;
  if (!isReadOnlyBy(readers, slice, multiplication) || !isReadOnlyBy(readers, multiplication, addition)) return null;
  const [factor, offset] = [operandOf(multiplication, 1), operandOf(addition, 1)];
  const { shape } = operandOf(slice, 0);
  const channels = shape.at(-1);
  if ([factor, offset].some((each) => each.ref.kind !== 'constant' || each.shape.join() !== `${channels}`)) return null;
  const [begin, size] = [1, 2].map((at) => numbersOf(recording, operandOf(slice, at).ref));
  const [first = 0, ...others] = begin ?? [];
  const [rows = 0, ...whole] = size ?? [];
  if (!begin || others.some((each) => each !== 0) || whole.join() !== shape.slice(1).join()) return null;
  return { slice, multiplication, factor, offset, begin: first, rows };
}

function readerAt({ operations }: Recording, ref: Ref, name: string): Reader | null {
  const operation = ref.kind === 'operation' ? operations[ref.index] : undefined;
  return ref.kind === 'operation' && operation?.name === name ? { index: ref.index, operation } : null;
}

/** Whether `by` reads it as its first input, and nothing else does. */
function isReadOnlyBy(readers: Readers, of: Reader, by: Reader): boolean {
  return readers.sole(of.index, 0)?.index === by.index && isInput(by, 0, of.index);
}

function numbersOf({ constants }: Recording, ref: Ref): readonly number[] | null {
  const values = ref.kind === 'constant' ? constants[ref.index]?.values : undefined;
  return values ? [...values] : null;
}
