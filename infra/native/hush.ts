import { readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { z } from 'zod';
import { HUSH_PATH } from './addon.ts';
import { temporaryBeside } from './files.ts';

type Hush = (path: string) => void;
const HushAddon = z.object({
  hush: z.custom<Hush>((value) => typeof value === 'function'),
  unhush: z.custom<() => void>((value) => typeof value === 'function'),
});

/** Greetings of libraries that nobody can act on; everything else they say is passed on. */
const CHATTER = /^(WARNING: All log messages before absl::|I\d{4} |[WE]\d{4} .*Unable to register cu)/;

/** Runs `work`, which loads native libraries, and drops their greetings from stderr. */
export function hushed(install: { readonly dir: string }, work: () => void): void {
  const require = createRequire(import.meta.url);
  const { hush, unhush } = HushAddon.parse(require(join(install.dir, HUSH_PATH)));
  const path = temporaryBeside(join(tmpdir(), 'graft-load'));
  hush(path);
  try {
    work();
  } finally {
    unhush();
    process.stderr.write(withoutChatter(readAndRemove(path)));
  }
}

export function withoutChatter(text: string): string {
  return text
    .split(/(?<=\n)/)
    .filter((line) => !CHATTER.test(line))
    .join('');
}

function readAndRemove(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  } finally {
    rmSync(path, { force: true });
  }
}
