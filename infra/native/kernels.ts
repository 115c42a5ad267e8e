import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Settings } from '../config.ts';
import { linking } from './addon.ts';
import { findInFolder } from './layout.ts';
import { findOwnAddon } from './own-addon.ts';
import type { OwnAddon } from './own-addon.ts';
import type { TensorFlowInstall } from './tensorflow-cache.ts';

const SOURCES = fileURLToPath(new URL('kernels', import.meta.url));

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

/** graft's own kernels for TensorFlow; without them training takes up to twice as long. */
export function findKernels(install: TensorFlowInstall, known: Settings, mayCompile: boolean): Promise<OwnAddon> {
  const recipe = {
    ...{ name: 'kernels', sources: SOURCES, recipe: 3, without: 'training takes up to twice as long' },
    target: join(install.dir, 'lib/napi-v8'),
    processors: ['x86-64-v4', 'x86-64-v3', 'arm64'],
    args: async () => {
      const headers = (await findInFolder(known.tensorflowDir ?? install.dir))?.headers;
      if (headers === undefined) return { why: 'this TensorFlow came without its headers' };
      return [...OPTIMIZED, `-I${headers}`, ...linking(install.dir)];
    },
  };
  return findOwnAddon(recipe, known, mayCompile);
}

const Addon = z.object({ ready: z.boolean() });

/** Makes their operations known to the TensorFlow of this process; false where it does not take them. */
export function loadKernels(path: string): boolean {
  try {
    return Addon.parse(createRequire(import.meta.url)(path)).ready;
  } catch {
    return false;
  }
}
