import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KeptPlan } from '../../../contracts/estimate.ts';
import type { RunEstimate } from '../../../contracts/estimate.ts';
import type { PipelineConfig } from '../../../contracts/pipeline-config.ts';
import { canonicalJson } from '../../../core/canonical-json.ts';
import { settings } from '../../../infra/config.ts';

function pathOf(config: PipelineConfig): string {
  // What is told to people does not change what a training takes.
  const { notify: _, ...telling } = config;
  const text = canonicalJson(JSON.parse(JSON.stringify(telling)));
  return join(settings().stateDir, 'plans', `${createHash('sha256').update(text).digest('hex')}.json`);
}

/** Leaves an estimate for the run of the same configuration. */
export async function keepPlan(config: PipelineConfig, estimate: RunEstimate): Promise<void> {
  const path = pathOf(config);
  await mkdir(join(path, '..'), { recursive: true });
  const kept: KeptPlan = { kind: 'graft.plan/1', estimate };
  await writeFile(`${path}.part`, JSON.stringify(kept));
  await rename(`${path}.part`, path);
}

/** What was expected of this very configuration on this machine; null where nobody planned it, or it can't be read. */
export async function keptPlan(config: PipelineConfig): Promise<RunEstimate | null> {
  try {
    const parsed = KeptPlan.safeParse(JSON.parse(await readFile(pathOf(config), 'utf8')));
    return parsed.success ? parsed.data.estimate : null;
  } catch {
    return null;
  }
}
