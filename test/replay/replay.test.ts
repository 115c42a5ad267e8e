/** Histories of real runs are replayed through today's workflow code: what would break a run under way fails here. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker, bundleWorkflowCode } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { workflowBundle } from '../../infra/temporal/workflow-bundle.ts';

const folder = fileURLToPath(new URL('./histories/', import.meta.url));
const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
const histories = () =>
  names.map((name) => ({
    workflowId: name,
    history: historyFromJSON(JSON.parse(readFileSync(join(folder, name), 'utf8'))),
  }));
let cache: string;

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  cache = await mkdtemp(join(tmpdir(), 'graft-replay-'));
});
afterAll(() => rm(cache, { recursive: true, force: true }));

/** Results by history, for a bundle of workflow code. */
async function replay(workflowBundleOptions: { codePath: string } | { code: string }) {
  const outcomes = new Map<string, Error | undefined>();
  const results = Worker.runReplayHistories({ workflowBundle: workflowBundleOptions }, histories());
  for await (const { workflowId, error } of results) outcomes.set(workflowId, error);
  return outcomes;
}

describe('committed histories', () => {
  test('there is one for every registered workflow, and every way a run ends', async () => {
    const registered = Object.keys(await import('../../workflows/index.ts'));
    expect(registered.length).toBeGreaterThan(0);
    for (const workflow of registered) {
      for (const end of ['completed', 'cancelled', 'failed']) expect(names).toContain(`${workflow}-${end}.json`);
    }
  });

  test('replay through today’s code', async () => {
    const outcomes = await replay({ codePath: await workflowBundle(cache) });
    expect([...outcomes.keys()].sort()).toEqual([...names].sort());
    for (const error of outcomes.values()) expect(error).toBeUndefined();
  });

  test('are not replayed by a workflow whose stages changed places', async () => {
    const workflowsPath = fileURLToPath(new URL('./broken/index.ts', import.meta.url));
    const outcomes = await replay(await bundleWorkflowCode({ workflowsPath }));
    // The broken code knows this one workflow.
    const own = [...outcomes].filter(([name]) => name.startsWith('retrainWorkflow-'));
    expect(own.length).toBeGreaterThan(0);
    for (const [, error] of own) expect(error?.name).toBe('DeterminismViolationError');
  });
});
