import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { messageOf } from '../../core/errors.ts';
import { childEnvironment } from '../../infra/config.ts';

const SCRIPT = fileURLToPath(new URL('../../scripts/build-page.ts', import.meta.url));

/** In a clone the page is built where it is missing or old (web/page-build.ts), while the server answers already. */
export async function buildPage(dist: string, log: (text: string) => void, signal: AbortSignal): Promise<void> {
  if (!existsSync(SCRIPT)) return;
  const isMissing = !existsSync(join(dist, 'index.html'));
  if (isMissing) log('building the dashboard’s page');
  try {
    await execa(process.execPath, ['--import', import.meta.resolve('tsx'), SCRIPT], {
      cancelSignal: signal,
      env: childEnvironment({}, { secrets: false }),
      extendEnv: false,
    });
    if (isMissing) log('the dashboard’s page is built');
  } catch (error) {
    if (!signal.aborted)
      log(`PAGE_BUILD: the page could not be built — ${messageOf(error)} — npm run build:page shows why`);
  }
}
