import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import { z } from 'zod';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** What the bundle is made of: workflows, the pure code they call, and the SDK that packs them. */
const SOURCES = ['workflows', 'core'];
/** Interceptors that open spans. They add headers and no commands: the same histories replay with and without them. */
const TRACING = createRequire(import.meta.url).resolve(
  '@temporalio/interceptors-opentelemetry/lib/workflow-interceptors',
);

/**
 * The path of the packed workflow code. Packing takes seconds, so it is kept under the hash of its sources: a worker
 * that starts again, or a second one, finds it. Written to a temporary file and renamed: safe from two workers at once.
 */
export async function workflowBundle(
  cacheDir: string,
  { traced = false }: { readonly traced?: boolean } = {},
): Promise<string> {
  const dir = join(cacheDir, 'workflow-bundles');
  const path = join(dir, `${await sourceHash()}${traced ? '-traced' : ''}.js`);
  if (existsSync(path)) return path;
  const quiet = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, log() {} };
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(ROOT, 'workflows/index.ts'),
    logger: quiet,
    ...(traced ? { workflowInterceptorModules: [TRACING] } : {}),
  });
  await mkdir(dir, { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, code);
  await rename(temporary, path);
  return path;
}

async function sourceHash(): Promise<string> {
  const hash = createHash('sha256');
  const sdk = z.object({ version: z.string() });
  for (const name of ['@temporalio/workflow', '@temporalio/worker', '@temporalio/interceptors-opentelemetry']) {
    const text = await readFile(fileURLToPath(import.meta.resolve(`${name}/package.json`)), 'utf8').catch(
      () => '{"version":""}',
    );
    hash.update(`${name}@${sdk.parse(JSON.parse(text)).version}\n`);
  }
  for (const folder of SOURCES) {
    const names = (await readdir(join(ROOT, folder), { recursive: true }))
      .filter((name) => name.endsWith('.ts'))
      .sort();
    for (const name of names.filter((each) => !each.endsWith('.test.ts'))) {
      hash.update(`${folder}/${name}\n`).update(await readFile(join(ROOT, folder, name)));
    }
  }
  return hash.digest('hex').slice(0, 32);
}
