import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { GraftError } from '../../core/errors.ts';
import type { Settings } from '../config.ts';
import { compile, findCompiler, linking } from './addon.ts';
import { sizeOf } from './files.ts';
import { withLock } from './lock.ts';
import { findInFolder } from './layout.ts';
import { machineArguments, processorOf } from './processor.ts';
import type { TensorFlowInstall } from './tensorflow-cache.ts';

/** graft's own kernels for TensorFlow, compiled. */
export interface KernelsAddon {
  readonly path: string;
  /** Which processors they are for: `x86-64-v4`, `x86-64-v3`, `arm64`. */
  readonly processor: string;
}

const SOURCES = fileURLToPath(new URL('kernels', import.meta.url));

/** Raise when the compiler's arguments change. */
const RECIPE = 2;

/**
 * The kernels for this machine's processor, compiled from `kernels/` where they are not there yet and `mayCompile`; null
 * where they can't be had, which costs speed alone. The name holds a hash of their sources, so clones of several versions
 * share a cache.
 */
export async function findKernels(
  install: TensorFlowInstall,
  known: Settings,
  mayCompile: boolean,
): Promise<KernelsAddon | null> {
  const processor = processorOf(known.processor);
  if (processor === null) return null;
  const sources = readdirSync(SOURCES).sort();
  const hash = createHash('sha256').update(`recipe ${String(RECIPE)} ${processor}\n`);
  for (const name of sources) hash.update(name).update(readFileSync(join(SOURCES, name)));
  const fingerprint = hash.digest('hex').slice(0, 16);
  const addon = { path: join(install.dir, `lib/napi-v8/kernels-${processor}-${fingerprint}.node`), processor };
  if ((await sizeOf(addon.path)) !== null) return addon;
  if (!mayCompile) return null;
  const compiler = await findCompiler(known);
  const headers = (await findInFolder(known.tensorflowDir ?? install.dir))?.headers;
  if (compiler === null || headers === undefined) return null;
  const files = sources.filter((name) => name.endsWith('.cc')).map((name) => join(SOURCES, name));
  const args = [...OPTIMIZED, ...machineArguments(processor), `-I${headers}`, ...files, ...linking(install.dir)];
  try {
    await withLock(addon.path, async (signal) => {
      if ((await sizeOf(addon.path)) === null) await compile(addon.path, args, { compiler, settings: known, signal });
    });
    return addon;
  } catch (error) {
    if (error instanceof GraftError) return null;
    throw error;
  }
}

const Addon = z.object({ ready: z.boolean() });

/** Makes their operations known to the TensorFlow of this process; false where it does not take them. */
export function loadKernels({ path }: KernelsAddon): boolean {
  try {
    return Addon.parse(createRequire(import.meta.url)(path)).ready;
  } catch {
    return false;
  }
}

/** Sums are vectors of channels, so their order stands as it is written: nothing here lets the compiler change it. */
const OPTIMIZED = [
  '-std=c++17',
  '-O3',
  '-pthread',
  '-ffp-contract=fast',
  '-fno-math-errno',
  '-fno-trapping-math',
  '-Wno-psabi',
];
