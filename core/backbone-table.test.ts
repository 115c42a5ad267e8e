import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { backboneTable } from './backbone-table.ts';

/** Columns without the blanks that line them up. */
const squeezed = (line: string): string => line.replace(/\s*\|\s*/g, '|').replace(/-+/g, '-');

it('is what docs/which-network.md shows', async () => {
  const text = await readFile(new URL('../docs/which-network.md', import.meta.url), 'utf8');
  const shown = text.split('\n').filter((line) => line.startsWith('|'));
  expect(shown.map(squeezed)).toEqual(backboneTable().map(squeezed));
});
