import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { IN_USE, MARKER, folderOfSources, packageFolder, programs } from './locate.mjs';
import type { Plugin } from 'esbuild';

/** A folder that nobody uses is kept for so long: another process may be about to. */
const KEPT_MS = 3_600_000;

/**
 * Compiles every program with the modules that they share, once for these sources; resolves to the folder, or to null
 * where nothing can be written. Throws where a source can't be read as TypeScript.
 */
export async function compilePrograms(): Promise<string | null> {
  const folder = folderOfSources();
  if (existsSync(join(folder, MARKER))) return folder;
  const fresh = `${folder}.${String(process.pid)}.tmp`;
  try {
    await mkdir(join(fresh, IN_USE), { recursive: true });
  } catch {
    return null;
  }
  try {
    await compileInto(fresh, folder);
    await writeFile(join(fresh, MARKER), '');
    // Another process may have been faster: its folder is as good.
    await rename(fresh, folder).catch((error: unknown) => {
      if (!existsSync(join(folder, MARKER))) throw error;
    });
    await sweep(folder);
    return folder;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** Compiles into `into` what will run from `folder`; resolves to the files that it read, relative to the package. */
export async function compileInto(into: string, folder: string): Promise<string[]> {
  const { build } = await import('esbuild');
  const { metafile } = await build({
    ...{ entryPoints: programs, outdir: into, absWorkingDir: packageFolder, chunkNames: '[name]-[hash]' },
    ...{ bundle: true, splitting: true, packages: 'external', platform: 'node', format: 'esm', target: 'node20' },
    ...{ sourcemap: 'linked', metafile: true, logLevel: 'silent', plugins: [ownAddresses(folder)] },
  });
  return Object.keys(metafile.inputs);
}

/** A module finds its files by its own address, which is that of its source wherever it was compiled to. */
function ownAddresses(folder: string): Plugin {
  return {
    name: 'own-addresses',
    setup(build) {
      build.onLoad({ filter: /\.m?[jt]s$/ }, async ({ path }) => {
        const from = JSON.stringify(relative(folder, path));
        const text = await readFile(path, 'utf8');
        return {
          contents: text.replaceAll(/\bimport\.meta\.url\b/g, `new URL(${from}, import.meta.url).href`),
          loader: path.endsWith('ts') ? 'ts' : 'js',
        };
      });
    },
  };
}

/** Removes what was compiled from former sources and runs nowhere. */
async function sweep(current: string): Promise<void> {
  const parent = dirname(current);
  for (const name of await readdir(parent)) {
    const folder = join(parent, name);
    if (folder === current || (await isInUse(folder))) continue;
    await rm(folder, { recursive: true, force: true });
  }
}

async function isInUse(folder: string): Promise<boolean> {
  const { mtimeMs } = await stat(folder);
  if (Date.now() - mtimeMs < KEPT_MS) return true;
  const pids = await readdir(join(folder, IN_USE)).catch(() => []);
  return pids.some((pid) => isAlive(Number(pid)));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
