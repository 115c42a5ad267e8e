import { existsSync, writeFileSync } from 'node:fs';
import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { asSha256 } from '../../core/ids.ts';
import { settings } from '../config.ts';
import { ADDON_PATH, HUSH_PATH } from './addon.ts';
import type { ProvisionParts } from './provision-tensorflow.ts';
import { provisionTensorFlow } from './provision-tensorflow.ts';

/** Stand-ins for the wheel and the compiler; `log` gets a line for each compilation. */
export function fakeParts(sha256: string, log: string, archive: ProvisionParts['archive'] = null): ProvisionParts {
  return {
    wheel: {
      requirement: 'tensorflow-cpu==2.21.0',
      fileName: 'tensorflow_cpu-fake.whl',
      sha256: asSha256(sha256),
      python: '3.11',
      platformTag: 'manylinux_2_27_x86_64',
    },
    archive,
    compile: async (dir) => {
      await appendFile(log, 'compile\n');
      await sleep(100);
      await mkdir(join(dir, 'lib/napi-v8'), { recursive: true });
      for (const path of [ADDON_PATH, HUSH_PATH]) writeFileSync(join(dir, path), 'addon');
    },
  };
}

/** Run by itself: one provisioning in a process of its own, from when the file `go` appears. */
const [, script, sha256, log, go] = process.argv;
if (script?.includes('provision-tensorflow.fixture') === true && sha256 !== undefined && log !== undefined) {
  process.stdout.write('ready\n');
  while (go !== undefined && !existsSync(go)) await sleep(10);
  const steps: string[] = [];
  const install = await provisionTensorFlow({
    settings: settings(),
    parts: fakeParts(sha256, log),
    onProgress: ({ step }) => steps.push(step),
  });
  process.stdout.write(`${JSON.stringify({ dir: install.dir, steps: [...new Set(steps)] })}\n`);
}
