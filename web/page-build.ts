import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, extname, join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, gzip } from 'node:zlib';
import { execa } from 'execa';
import { lock } from 'proper-lockfile';
import { GraftError, messageOf } from '../core/errors.ts';

/** Where the page's sources lie, and what is built of them. */
const pageFolder = fileURLToPath(new URL('./page', import.meta.url));
const packageFolder = fileURLToPath(new URL('..', import.meta.url));
export const pageDist = join(pageFolder, 'dist');
/** Written last, inside what was built: the hash of all that it was built from. */
const MARKER = '.sources';

export interface PageOptions {
  /** Told once, when a build begins. */
  readonly onStep?: (text: string) => void;
}

/** The folder with the built page; builds it first where it is missing or was built from other sources. */
export async function ensurePage({ onStep }: PageOptions = {}): Promise<string> {
  const sources = await hashOfSources();
  if ((await builtFrom()) === sources) return pageDist;
  try {
    const release = await lock(pageFolder, { lockfilePath: join(pageFolder, '.build.lock'), retries: 60 });
    try {
      // Another process may have built it meanwhile.
      if ((await builtFrom()) !== sources) {
        onStep?.('Building the dashboard’s page …');
        await buildPage(sources);
      }
    } finally {
      await release();
    }
  } catch (error) {
    throw new GraftError(
      'PAGE_BUILD',
      {
        ...{ kind: 'failed', where: pageFolder, seen: messageOf(error) },
        remedy: 'run npm ci in the folder of graft, then npm run build:page; it needs Node 20.19 or later',
      },
      { cause: error },
    );
  }
  return pageDist;
}

async function builtFrom(): Promise<string | null> {
  try {
    return await readFile(join(pageDist, MARKER), 'utf8');
  } catch {
    return null;
  }
}

/** Of the page, and of the pure code and the packages that it takes in. */
async function hashOfSources(): Promise<string> {
  const hash = createHash('sha256');
  const files = [
    ...(await filesBelow(join(pageFolder, 'src'))),
    ...(await filesBelow(join(pageFolder, 'public'))),
    ...(await filesBelow(join(packageFolder, 'core'))),
    join(pageFolder, 'index.html'),
    join(packageFolder, 'package.json'),
    fileURLToPath(import.meta.url),
    fileURLToPath(new URL('./page-build-process.ts', import.meta.url)),
  ];
  for (const file of files.sort()) {
    hash.update(`${relative(packageFolder, file)}\n`).update(await readFile(file));
  }
  return hash.digest('hex');
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Into a folder beside, which takes the old one's place when it is whole. */
async function buildPage(sources: string): Promise<void> {
  const fresh = `${pageDist}.${String(process.pid)}.tmp`;
  try {
    const builder = fileURLToPath(new URL('./page-build-process.ts', import.meta.url));
    const loader = ['--import', import.meta.resolve('tsx')];
    await execa(process.execPath, [...loader, builder, fresh], { env: { NODE_ENV: 'production' }, stdin: 'ignore' });
    await compressBelow(fresh);
    await writeFile(join(fresh, MARKER), sources);
    await mkdir(dirname(pageDist), { recursive: true });
    await rm(pageDist, { recursive: true, force: true });
    await rename(fresh, pageDist);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** Once here, and not for every reader: the server sends `x.js.br` or `x.js.gz` to whoever takes it. */
async function compressBelow(folder: string): Promise<void> {
  const texts = (await filesBelow(folder)).filter((file) => ['.js', '.css', '.svg', '.html'].includes(extname(file)));
  for (const file of texts) {
    const content = await readFile(file);
    await writeFile(`${file}.br`, await promisify(brotliCompress)(content));
    await writeFile(`${file}.gz`, await promisify(gzip)(content, { level: 9 }));
  }
}
