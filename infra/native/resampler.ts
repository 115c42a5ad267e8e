import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GraftError } from '../../core/errors.ts';
import type { Settings } from '../config.ts';
import { compile, findCompiler } from './addon.ts';
import { sizeOf } from './files.ts';
import { withLock } from './lock.ts';
import { machineArguments, processorOf } from './processor.ts';

const SOURCES = fileURLToPath(new URL('../images/resample/native', import.meta.url));
const [MAIN, ...HEADERS] = ['resampler.cc', 'passes.h', 'planes.h', 'registers.h', 'turbo.h', 'window.h'] as const;

/** Raise when the compiler's arguments change. */
const RECIPE = 1;

/**
 * The resampler for this machine's processor, compiled where it is not there yet and `mayCompile`; null where it can't be
 * had, which costs speed alone. As with kernels.ts, its name holds a hash of the sources.
 */
export async function findResampler(known: Settings, mayCompile: boolean): Promise<string | null> {
  const processor = processorOf(known.processor);
  if (processor === null || processor === 'arm64') return null;
  const hash = createHash('sha256').update(`recipe ${String(RECIPE)} ${processor}\n`);
  for (const name of [MAIN, ...HEADERS]) hash.update(name).update(readFileSync(join(SOURCES, name)));
  const fingerprint = hash.digest('hex').slice(0, 16);
  const path = join(known.cacheDir, 'images', `resampler-${processor}-${fingerprint}.node`);
  if ((await sizeOf(path)) !== null) return path;
  const compiler = mayCompile ? await findCompiler(known) : null;
  if (compiler === null) return null;
  const args = ['-O3', ...machineArguments(processor), join(SOURCES, MAIN)];
  try {
    await withLock(path, async (signal) => {
      if ((await sizeOf(path)) === null) await compile(path, args, { compiler, settings: known, signal });
    });
    return path;
  } catch (error) {
    if (error instanceof GraftError) return null;
    throw error;
  }
}
