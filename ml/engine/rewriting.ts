import type { Attribute } from '../native/backend.ts';
import type { Operand } from './fuse-patterns.ts';
import { neededOperations } from './needed.ts';
import { keyOf } from './readers.ts';
import type { Reader } from './readers.ts';
import type { RecordedOperation, Recording, Ref } from './recorder.ts';
import { remapped } from './remap.ts';

interface Output {
  readonly index: number;
  readonly output: number;
}

const isAmong = (outputs: readonly Output[], { index, output }: Output): boolean =>
  outputs.some((each) => each.index === index && each.output === output);

/** A recording as it is written anew, operation by operation in its order; what is not needed is left out. */
export class Rewriting {
  private readonly recording: Recording;
  private readonly operations: RecordedOperation[] = [];
  /** Where the outputs of the recording's operations are now. */
  private readonly moved = new Map<string, Ref>();
  /** Operations that another one does the work of. */
  private readonly skipped = new Set<number>();

  constructor(recording: Recording) {
    this.recording = recording;
  }

  /** `rewrite` adds what stands where an operation stood; false: nothing of it has been rewritten, and it stays as it is. */
  run(rewrite: (operation: Reader) => boolean): Recording {
    for (const index of neededOperations(this.recording)) {
      const operation = this.recording.operations[index];
      if (!operation || this.skipped.has(index) || rewrite({ index, operation })) continue;
      this.add(operation, [{ index, operation }]);
    }
    const refs = remapped(this.recording, (ref) => this.at(ref));
    return { ...this.recording, operations: this.operations, ...refs };
  }

  skip(index: number): void {
    this.skipped.add(index);
  }

  /**
   * Adds an operation with the refs of the recording as its inputs. Its outputs are those of what it replaces, in order,
   * without `unread`, which nothing reads any more.
   */
  add(operation: RecordedOperation, replaced: readonly Reader[], unread: readonly Output[] = []): void {
    const index = this.operations.length;
    this.operations.push({ ...operation, inputs: operation.inputs.map((ref) => this.at(ref)) });
    let output = 0;
    for (const { index: of, operation: old } of replaced) {
      for (const at of old.outputShapes.keys()) {
        if (isAmong(unread, { index: of, output: at })) continue;
        this.moved.set(keyOf({ index: of, output: at }), { kind: 'operation', index, output });
        output += 1;
      }
      this.skip(of);
    }
  }

  /** As `add`, of an operation whose outputs are shaped as those of what it replaces. */
  fuse(
    name: string,
    attributes: readonly Attribute[],
    operands: readonly Operand[],
    replaced: readonly Reader[],
    unread: readonly Output[] = [],
  ): void {
    const outputShapes = replaced.flatMap(({ index, operation }) =>
      operation.outputShapes.filter((_, output) => !isAmong(unread, { index, output })),
    );
    const inputs = operands.map(({ ref }) => ref);
    const inputShapes = operands.map(({ shape }) => shape);
    this.add({ name, attributes, inputs, inputShapes, outputShapes }, replaced, unread);
  }

  /** What stood for an operation with one output is a ref of the recording. */
  replace(operation: Reader, ref: Ref): void {
    this.moved.set(keyOf({ index: operation.index, output: 0 }), this.at(ref));
  }

  private at(ref: Ref): Ref {
    if (ref.kind !== 'operation') return ref;
    const moved = this.moved.get(keyOf(ref));
    if (moved === undefined) throw new Error(`operation ${ref.index} comes later`);
    return moved;
  }
}
