/**
 * Where graft's programs lie: compiled together into one folder, or as they were written. Plain JavaScript, because it
 * is read before anything that understands TypeScript is loaded.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json. */
export const packageFolder = fileURLToPath(new URL('..', import.meta.url));

/** What is started by itself, by the name of its compiled file. */
export const programs = Object.freeze({
  graft: 'cli/main.ts',
  'ml-process': 'infra/ml-process.ts',
  'image-process': 'infra/image-process.ts',
  'probe-process': 'infra/native/probe-process.ts',
  'supervisor-process': 'infra/embedded/supervisor-process.ts',
  'checkpoint-thread': 'ml/trainer/checkpoint-thread.ts',
});

/** @typedef {keyof typeof programs} ProgramName */

/** Folders that programs are compiled from. */
const SOURCES = ['activities', 'cli', 'contracts', 'core', 'infra', 'ml', 'programs', 'web/server', 'workflows'];
const FILES = ['package.json', 'web/page-build.ts', 'web/page-build-process.ts'];
/** Written last: what lacks it is not whole. */
export const MARKER = 'complete';
/** Processes that run from a folder of compiled programs, as files named by their process ids. */
export const IN_USE = 'in-use';
const COMPILED = join(packageFolder, '.programs');

/** @type {string | null | undefined} */
let found;

/**
 * The folder of the programs that were compiled from the sources as they are, or null. A process that was compiled
 * itself stays with its own folder, whatever has become of the sources since.
 * @returns {string | null}
 */
export function compiledFolder() {
  // Of the compiled file where this is part of one (Node 20.11), not of what it was compiled from.
  const own = import.meta.dirname;
  if (own !== undefined && basename(dirname(own)) === basename(COMPILED)) return own;
  if (found !== undefined) return found;
  const folder = folderOfSources();
  found = existsSync(join(folder, MARKER)) ? folder : null;
  return found;
}

/**
 * Where the sources' programs belong, there or not.
 * @returns {string}
 */
export function folderOfSources() {
  const hash = createHash('sha256');
  for (const file of sourceFiles()) {
    const { size, mtimeMs } = statSync(join(packageFolder, file));
    hash.update(`${file} ${size} ${mtimeMs}\n`);
  }
  return join(COMPILED, hash.digest('hex').slice(0, 16));
}

/**
 * Every file that may be part of a program, relative to the package.
 * @returns {string[]}
 */
export function sourceFiles() {
  return [...SOURCES.flatMap(sourcesBelow), ...FILES].sort();
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function sourcesBelow(folder) {
  return readdirSync(join(packageFolder, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sourcesBelow(path);
    return /(?<!\.test)\.m?[jt]s$/.test(entry.name) ? [path] : [];
  });
}
