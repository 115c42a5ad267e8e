import { readFileSync } from 'node:fs';
import { z } from 'zod';

const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');

/** The version of graft itself, as runs and model versions record it. */
export const graftVersion: string = z.object({ version: z.string() }).parse(JSON.parse(text)).version;
