import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settings } from '../config.ts';
import { findOwnAddon } from './own-addon.ts';
import type { OwnAddonRecipe } from './own-addon.ts';
import { processorOf } from './processor.ts';

const processor = processorOf(null);
const WHOLE = '#include <node_api.h>\nNAPI_MODULE_INIT() { return exports; }\n';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'graft-own-addon-'));
  mkdirSync(join(folder, 'sources'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function recipeOf(source: string, changes: Partial<OwnAddonRecipe> = {}): OwnAddonRecipe {
  writeFileSync(join(folder, 'sources', 'one.cc'), source);
  return {
    ...{ name: 'one', sources: join(folder, 'sources'), target: join(folder, 'addons'), recipe: 1, without: 'slow' },
    processors: [processor ?? ''],
    args: () => Promise.resolve([]),
    ...changes,
  };
}

describe.runIf(processor !== null)('an addon of graft’s own', () => {
  it('is compiled once, and anew when its sources change', async () => {
    const first = await findOwnAddon(recipeOf(WHOLE), settings(), true);
    expect(first).toMatchObject({ kind: 'ready', processor });
    expect(await findOwnAddon(recipeOf(WHOLE), settings(), false)).toEqual(first);
    const changed = recipeOf(`${WHOLE}// changed\n`);
    expect(await findOwnAddon(changed, settings(), false)).toMatchObject({
      kind: 'none',
      why: 'not compiled yet; without, slow',
    });
    const second = await findOwnAddon(changed, settings(), true);
    expect(second.kind === 'ready' && first.kind === 'ready' && second.path !== first.path).toBe(true);
  });

  it('says why it can’t be had', async () => {
    const broken = await findOwnAddon(recipeOf('no C++ at all'), settings(), true);
    expect(broken).toMatchObject({ kind: 'none', mend: 'install a C++17 compiler with its standard library' });
    expect(broken.kind === 'none' && broken.why).toMatch(/one\.cc:1:1: error/);
    const without = await findOwnAddon(recipeOf('1'), { ...settings(), searchPath: [] }, true);
    expect(without).toMatchObject({ kind: 'none', why: 'no C++ compiler on PATH; without, slow' });
    const other = await findOwnAddon(recipeOf('2', { processors: ['riscv'] }), settings(), true);
    expect(other).toMatchObject({
      kind: 'none',
      why: 'it has no code for this processor, only for riscv; without, slow',
      mend: null,
    });
    const args = () => Promise.resolve({ why: 'a header is missing' });
    const lacking = await findOwnAddon(recipeOf('3', { args }), settings(), true);
    expect(lacking).toMatchObject({ kind: 'none', why: 'a header is missing; without, slow' });
  });
});
