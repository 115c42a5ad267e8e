import { bytesOf } from './recorder.ts';
import type { RecordedConstant, RecordedOperation, RecordedWrite, Recording } from './recorder.ts';

/** Why two recordings of one program differ; null where they don't. What differs depends on something that is no input. */
export function difference(a: Recording, b: Recording): string | null {
  if (a.operations.length !== b.operations.length) {
    return `${a.operations.length} operations the first time, ${b.operations.length} the second`;
  }
  for (const [index, operation] of a.operations.entries()) {
    if (!same(essence(operation), essence(b.operations[index])))
      return `operation ${index} (${operation.name}) is not the same`;
  }
  return differentConstant(a, b) ?? differentResult(a, b);
}

/** Shapes follow from what they come from, and that is what the message names. */
function essence(operation: RecordedOperation | undefined): unknown {
  return operation && [operation.name, operation.attributes, operation.inputs];
}

function differentConstant(a: Recording, b: Recording): string | null {
  for (let index = 0; index < Math.max(a.constants.length, b.constants.length); index++) {
    if (sameConstant(a.constants[index], b.constants[index])) continue;
    const user = a.operations.find(({ inputs }) =>
      inputs.some((ref) => ref.kind === 'constant' && ref.index === index),
    );
    return `a constant that ${user?.name ?? 'an output or a variable'} takes is not the same`;
  }
  return null;
}

function sameConstant(a: RecordedConstant | undefined, b: RecordedConstant | undefined): boolean {
  if (!a || !b || !same([a.dtype, a.shape], [b.dtype, b.shape])) return false;
  return Buffer.from(bytesOf(a.values)).equals(bytesOf(b.values));
}

/** Two programs of the same operations may still do different things with their results. */
function differentResult(a: Recording, b: Recording): string | null {
  const writes = Math.max(a.writes.length, b.writes.length);
  for (let index = 0; index < writes; index++) {
    const write = a.writes[index] ?? b.writes[index];
    if (write && !same(a.writes[index], b.writes[index])) return `what ${targetOf(write)} becomes is not the same`;
  }
  if (!same(a.guards, b.guards)) return 'what is guarded is not the same';
  const names = new Set([...a.outputs.keys(), ...b.outputs.keys()]);
  const other = [...names].find((name) => !same(a.outputs.get(name), b.outputs.get(name)));
  return other === undefined ? null : `output ${other} is not the same`;
}

const targetOf = (write: RecordedWrite): string => (write.kind === 'average' ? write.average : write.variable);

const same = (a: unknown, b: unknown): boolean => exactText(a) === exactText(b);

/** JSON writes NaN and infinity as null, and −0 as 0. */
function exactText(value: unknown): string | undefined {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'number' && (!Number.isFinite(each) || Object.is(each, -0)) ? `#${1 / each}/${each}` : each,
  );
}
