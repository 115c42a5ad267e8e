import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { compiledFolder, packageFolder, programs } from './locate.mjs';
import type { ProgramName } from './locate.mjs';

export type { ProgramName } from './locate.mjs';

/** What `node` is told to run one of graft's programs. */
export interface StartedAs {
  readonly path: string;
  /** Arguments before the path. */
  readonly execArgv: readonly string[];
}

/** As compiled where that was done (a third of the time to start), else from the source, through tsx. */
export function programOf(name: ProgramName): StartedAs {
  const compiled = compiledFolder();
  if (compiled === null) return fromSource(join(packageFolder, programs[name]));
  return { path: join(compiled, `${name}.js`), execArgv: [] };
}

/** A program in TypeScript that is not compiled with the others, such as a test's. */
export function fromSource(path: string): StartedAs {
  return { path, execArgv: ['--import', import.meta.resolve('tsx')] };
}

/** A thread's first file is loaded without the hooks that understand TypeScript (Node 20): so they come first. */
const BOOT = `
const { workerData } = require('node:worker_threads');
import(workerData.tsx).then(({ register }) => { register(); return import(workerData.entry); });
`;

/** Starts one of graft's programs as a thread of this process. */
export function threadOf(name: ProgramName): Worker {
  const { path, execArgv } = programOf(name);
  if (execArgv.length === 0) return new Worker(path, { execArgv: [] });
  const workerData = { tsx: import.meta.resolve('tsx/esm/api'), entry: pathToFileURL(path).href };
  return new Worker(BOOT, { eval: true, execArgv: [], workerData });
}
