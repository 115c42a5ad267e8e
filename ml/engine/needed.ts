import type { Recording, RecordedWrite, Ref } from './recorder.ts';

/** Operations that an output, a guard or a write hangs on, in the order of the recording. */
export function neededOperations(recording: Recording): number[] {
  const found = new Set<number>();
  const stack = rootsOf(recording);
  for (let ref = stack.pop(); ref; ref = stack.pop()) {
    if (ref.kind !== 'operation' || found.has(ref.index)) continue;
    found.add(ref.index);
    stack.push(...(recording.operations[ref.index]?.inputs ?? []));
  }
  return [...found].sort((a, b) => a - b);
}

/** Variables whose value from before the run is wanted by an operation, an output or a write. */
export function readVariables(recording: Recording, needed: readonly number[]): ReadonlySet<string> {
  const refs = [...needed.flatMap((index) => recording.operations[index]?.inputs ?? []), ...rootsOf(recording)];
  const names = new Set(refs.flatMap((ref) => (ref.kind === 'state' ? [ref.name] : [])));
  for (const write of recording.writes) {
    if (write.kind === 'average') names.add(write.average);
    if (write.kind === 'apply' && write.shrink !== null) names.add(write.variable);
  }
  return names;
}

/** What a recording is run for. */
export function rootsOf({ writes, guards, outputs }: Recording): Ref[] {
  return [...writes.flatMap(writtenRefs), ...guards, ...[...outputs.values()].map(({ ref }) => ref)];
}

function writtenRefs(write: RecordedWrite): Ref[] {
  switch (write.kind) {
    case 'assign':
      return [write.value];
    case 'apply':
      return [
        ...[write.gradient, write.rate],
        ...(write.shrink ? [write.shrink] : []),
        ...(write.momentum ? [write.momentum] : []),
      ];
    case 'average':
      return [write.decay];
  }
}
