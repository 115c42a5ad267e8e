import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Settings } from '../config.ts';
import { findOwnAddon } from './own-addon.ts';
import type { OwnAddon } from './own-addon.ts';

const SOURCES = fileURLToPath(new URL('../images/resample/native', import.meta.url));

/** The resampler of pictures (infra/images/resample/native); without it WebAssembly gives the same bits in twice the time. */
export function findResampler(known: Settings, mayCompile: boolean): Promise<OwnAddon> {
  const recipe = {
    ...{ name: 'resampler', sources: SOURCES, recipe: 2, without: 'pictures are resized in twice the time' },
    target: join(known.cacheDir, 'images'),
    processors: ['x86-64-v4', 'x86-64-v3'],
    args: () => Promise.resolve(['-O3']),
  };
  return findOwnAddon(recipe, known, mayCompile);
}
