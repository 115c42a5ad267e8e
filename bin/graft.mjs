#!/usr/bin/env node
// The entry of `npx graft`. What lies here is TypeScript: it is compiled when it is first run and whenever it has changed.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { IN_USE, compiledFolder } from '../programs/locate.mjs';

let folder = compiledFolder();
if (folder === null) {
  const { register } = await import('tsx/esm/api');
  const unregister = register();
  // What can't be compiled here may still run as it is written.
  folder = await import('../programs/compile.ts').then(({ compilePrograms }) => compilePrograms()).catch(() => null);
  if (folder !== null) await unregister();
}
if (folder !== null) {
  // Modules load when they are needed, for as long as this runs: until then the folder must stay (programs/compile.ts).
  const mark = join(folder, IN_USE, String(process.pid));
  try {
    writeFileSync(mark, '');
    process.on('exit', () => rmSync(mark, { force: true }));
  } catch {
    // Someone else's folder: its owner sweeps it.
  }
}
await import(folder === null ? '../cli/main.ts' : pathToFileURL(join(folder, 'graft.js')).href);
