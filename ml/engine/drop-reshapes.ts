import type { Recording } from './recorder.ts';
import { Rewriting } from './rewriting.ts';

/** The same program without reshapes to the shape that is there (tfjs's gradients of additions), which hide who reads what. */
export function dropReshapes(recording: Recording): Recording {
  const rewriting = new Rewriting(recording);
  return rewriting.run((reader) => {
    const { name, inputs, inputShapes, outputShapes } = reader.operation;
    const [ref] = inputs;
    if (name !== 'Reshape' || !ref || inputShapes[0]?.join() !== outputShapes[0]?.join()) return false;
    rewriting.replace(reader, ref);
    return true;
  });
}
