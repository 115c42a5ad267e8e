import { neededOperations, rootsOf } from './needed.ts';
import type { RecordedOperation, Recording, Ref } from './recorder.ts';

export interface Reader {
  readonly index: number;
  readonly operation: RecordedOperation;
}

/** Who reads what a recording's operations give. */
export class Readers {
  /** By output; null among them for what is read from outside. */
  private readonly readers = new Map<string, (Reader | null)[]>();

  constructor(recording: Recording) {
    for (const index of neededOperations(recording)) {
      const operation = recording.operations[index];
      for (const ref of operation?.inputs ?? []) if (operation) this.add(ref, { index, operation });
    }
    for (const ref of rootsOf(recording)) this.add(ref, null);
  }

  /** Those of one output, in order; null for what is read from outside. */
  of(index: number, output: number): readonly (Reader | null)[] {
    return this.readers.get(keyOf({ index, output })) ?? [];
  }

  /** What alone reads one output; null where that is read from outside, or by more than one. */
  sole(index: number, output: number): Reader | null {
    const [only = null, ...more] = this.of(index, output);
    return more.length === 0 ? only : null;
  }

  /** The first of them with this name. */
  named(index: number, output: number, name: string): Reader | undefined {
    return this.of(index, output).find((reader) => reader?.operation.name === name) ?? undefined;
  }

  private add(ref: Ref, reader: Reader | null): void {
    if (ref.kind !== 'operation') return;
    const readers = this.readers.get(keyOf(ref)) ?? [];
    readers.push(reader);
    this.readers.set(keyOf(ref), readers);
  }
}

export const keyOf = ({ index, output }: { readonly index: number; readonly output: number }): string =>
  `${index} ${output}`;
