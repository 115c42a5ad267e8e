import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { GraftError, messageOf } from '../../core/errors.ts';
import type { Settings } from '../config.ts';
import { compile, findCompiler } from './addon.ts';
import { sizeOf } from './files.ts';
import { withLock } from './lock.ts';
import { machineArguments, processorOf } from './processor.ts';

/** An addon of graft's own, compiled for this machine's processor; without it the same is computed, but slower. */
export type OwnAddon =
  | { readonly kind: 'ready'; readonly path: string; readonly processor: string }
  | {
      readonly kind: 'none';
      readonly why: string;
      /** What a person can do about it; null where nothing helps. */
      readonly mend: string | null;
    };

export interface OwnAddonRecipe {
  readonly name: string;
  /** What it costs to go without, as a clause. */
  readonly without: string;
  /** The folder of its sources: each `.cc` is compiled, the headers lie beside them. */
  readonly sources: string;
  /** Where the addon goes. */
  readonly target: string;
  /** Of `x86-64-v4`, `x86-64-v3` and `arm64`, those that it has code for. */
  readonly processors: readonly string[];
  /** The compiler's arguments beside those for the processor; `why` where something to compile with is missing. */
  readonly args: () => Promise<readonly string[] | { readonly why: string }>;
  /** Raise when the compiler's arguments change. */
  readonly recipe: number;
}

/**
 * Finds the addon for this machine's processor, and compiles it where it is not there yet and `mayCompile`. Its name holds a hash
 * of its sources, so clones of several versions share a cache.
 */
export async function findOwnAddon(recipe: OwnAddonRecipe, known: Settings, mayCompile: boolean): Promise<OwnAddon> {
  const found = await findOrCompile(recipe, known, mayCompile);
  return found.kind === 'ready' ? found : { ...found, why: `${found.why}; without, ${recipe.without}` };
}

async function findOrCompile(recipe: OwnAddonRecipe, known: Settings, mayCompile: boolean): Promise<OwnAddon> {
  const processor = processorOf(known.processor);
  if (processor === null || !recipe.processors.includes(processor)) {
    return {
      kind: 'none',
      why: `it has no code for this processor, only for ${recipe.processors.join(', ')}`,
      mend: null,
    };
  }
  const path = join(recipe.target, `${recipe.name}-${processor}-${fingerprintOf(recipe, processor)}.node`);
  const ready = { kind: 'ready', path, processor } as const;
  if ((await sizeOf(path)) !== null) return ready;
  if (!mayCompile) return { kind: 'none', why: 'not compiled yet', mend: 'graft doctor --fix' };
  const compiler = await findCompiler(known);
  if (compiler === null)
    return { kind: 'none', why: 'no C++ compiler on PATH', mend: 'apt install g++, or dnf install gcc-c++' };
  const args = await recipe.args();
  if ('why' in args) return { kind: 'none', why: args.why, mend: null };
  const files = sourcesOf(recipe).filter((name) => name.endsWith('.cc'));
  const all = [...machineArguments(processor), ...files.map((name) => join(recipe.sources, name)), ...args];
  try {
    await withLock(path, async (signal) => {
      if ((await sizeOf(path)) === null) await compile(path, all, { compiler, settings: known, signal });
    });
    return ready;
  } catch (error) {
    if (!(error instanceof GraftError)) throw error;
    return { kind: 'none', why: error.parts.seen ?? messageOf(error), mend: error.parts.remedy ?? null };
  }
}

const sourcesOf = ({ sources }: OwnAddonRecipe): readonly string[] => readdirSync(sources).sort();

function fingerprintOf(recipe: OwnAddonRecipe, processor: string): string {
  const hash = createHash('sha256').update(`recipe ${String(recipe.recipe)} ${processor}\n`);
  for (const name of sourcesOf(recipe)) hash.update(name).update(readFileSync(join(recipe.sources, name)));
  return hash.digest('hex').slice(0, 16);
}
