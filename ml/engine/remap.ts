import type { RecordedWrite, Recording, Ref } from './recorder.ts';

/** What a recording is run for, with other refs: outputs, writes and guards. */
export function remapped(
  { outputs, writes, guards }: Recording,
  map: (ref: Ref) => Ref,
): Pick<Recording, 'outputs' | 'writes' | 'guards'> {
  return {
    outputs: new Map([...outputs].map(([name, output]) => [name, { ...output, ref: map(output.ref) }])),
    writes: writes.map((write) => remappedWrite(write, map)),
    guards: guards.map(map),
  };
}

function remappedWrite(write: RecordedWrite, map: (ref: Ref) => Ref): RecordedWrite {
  switch (write.kind) {
    case 'assign':
      return { ...write, value: map(write.value) };
    case 'average':
      return { ...write, decay: map(write.decay) };
    case 'apply': {
      const { gradient, rate, shrink, momentum } = write;
      return {
        ...write,
        ...{ gradient: map(gradient), rate: map(rate), shrink: shrink && map(shrink) },
        ...(momentum ? { momentum: map(momentum) } : {}),
      };
    }
  }
}
