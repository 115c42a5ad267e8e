import { isNative } from '../native/backend.ts';
import { compileEngine } from './compiled-engine.ts';
import { eagerEngine } from './eager-engine.ts';
import type { Engine, EngineSpec, Output } from './spec.ts';

export { NotFinite } from './spec.ts';
export type { Engine, EngineSpec, InputSpec, InputValues, Output, Program, ProgramState, StateShapes } from './spec.ts';

/** Compiled on native TensorFlow, eager elsewhere. `scratchDir`: where the graph may lie while it is loaded. */
export async function createEngine(spec: EngineSpec, scratchDir: string): Promise<Engine> {
  return isNative() ? compileEngine(spec, scratchDir) : eagerEngine(spec);
}

/** An output that the program is known to give. */
export function outputOf(outputs: ReadonlyMap<string, Output>, name: string): Output {
  const output = outputs.get(name);
  if (!output) throw new Error(`no output ${name}`);
  return output;
}
