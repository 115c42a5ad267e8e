import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileInto, compilePrograms } from './compile.ts';
import { compiledFolder, folderOfSources, packageFolder, programs, sourceFiles } from './locate.mjs';
import { fromSource, programOf, threadOf } from './start.ts';

let into = '';
let read: readonly string[] = [];

beforeAll(async () => {
  into = await mkdtemp(join(tmpdir(), 'graft-programs-'));
  read = await compileInto(into, into);
});

afterAll(() => rm(into, { recursive: true, force: true }));

describe('compilePrograms', () => {
  it('names its folder by every file that it reads: none can change unseen', () => {
    const watched = new Set(sourceFiles());
    expect(read.length).toBeGreaterThan(300);
    expect(read.filter((file) => !watched.has(file))).toEqual([]);
  });

  it('leaves every module the address of its source', async () => {
    const text = await readFile(join(into, 'graft.js'), 'utf8');
    const address = /new URL\("[^"]*cli\/program\.ts", import\.meta\.url\)\.href/g;
    expect(text).toMatch(address);
    expect(text.replaceAll(address, '')).not.toContain('import.meta.url');
  });

  it('has nothing to do twice', async () => {
    const folder = await compilePrograms();
    expect(folder).toBe(folderOfSources());
    expect(await compilePrograms()).toBe(folder);
    expect(compiledFolder()).toBe(folder);
  });
});

describe('programOf', () => {
  it.each(Object.keys(programs) as (keyof typeof programs)[])('starts %s as compiled', (name) => {
    const { path, execArgv } = programOf(name);
    expect(basename(path)).toBe(`${name}.js`);
    expect(execArgv).toEqual([]);
  });

  it('finds the files of its package from the compiled folder, as from the source', async () => {
    const { path } = programOf('graft');
    const run = async (args: string[]) => (await promisify(execFile)(process.execPath, args)).stdout;
    const { path: source, execArgv } = fromSource(join(packageFolder, programs.graft));
    expect(await run([path, '--version'])).toBe(await run([...execArgv, source, '--version']));
  });

  it('starts a thread', async () => {
    const thread = threadOf('checkpoint-thread');
    await new Promise<void>((resolve, reject) => {
      thread.once('online', resolve).once('error', reject);
    });
    expect(await thread.terminate()).toBe(1);
  });
});
