import { mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ActivityCancellationDetails, CancelledFailure } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DetectorConfig } from '../../contracts/detector-config.ts';
import type { TrainOutput } from '../../contracts/manifests.ts';
import { EvaluateResult } from '../../contracts/stages.ts';
import { decodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { unwrap } from '../../core/result.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import type { MemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { mockActivity } from '../../test/fakes/mock-activity.ts';
import { evaluates, weightsThatHit } from '../../test/fakes/scripted-evaluation.ts';
import { createScriptedMlRunner } from '../../test/fakes/scripted-ml-runner.ts';
import type { Script } from '../../test/fakes/scripted-ml-runner.ts';
import { epochMetrics, putPrepared, putTrained, tinyModel } from '../../test/fakes/stage-fixtures.ts';
import { fakePorts } from '../../test/fakes/train-ports.ts';
import { readEvents } from '../../test/lib/read-events.ts';
import { asRunId } from '../../core/ids.ts';
import { createEvaluateActivities } from './evaluate.ts';

let dir = '';
let store: MemoryObjectStore;
let prepareManifestKey = '';
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'graft-evaluate-'));
  store = createMemoryObjectStore();
  prepareManifestKey = (await putPrepared(store, { rows: { train: 4, validation: 4, test: 100 } })).manifestKey;
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

async function evaluate(scripts: readonly Script[], trained: Parameters<typeof putTrained>[1], env = mockActivity()) {
  const ml = createScriptedMlRunner(scripts);
  const ports = fakePorts({ store, dir, ml });
  const { manifestKey: trainManifestKey, output } = await putTrained(store, trained);
  const { evaluateModel } = createEvaluateActivities(ports);
  const running: Promise<unknown> = env.run(evaluateModel, { trainManifestKey, prepareManifestKey });
  const result = running.then((answer) => EvaluateResult.parse(answer));
  return { result, ml, ports, output };
}
const weights = (hits: number, best: Partial<TrainOutput['best']> = {}) => ({
  weights: weightsThatHit(hits),
  best: epochMetrics(1, best),
});

describe('evaluation', () => {
  it('scores the test side, and keeps the logits that the figures come from', async () => {
    const { result, ports } = await evaluate([evaluates], weights(90));
    const { output, summary, cached } = await result;
    expect(cached).toBe(false);
    expect(output.metrics).toMatchObject({ images: 100, accuracy: 0.9, top5: 1 });
    expect(output.metrics.confusion.flat().reduce((sum, count) => sum + count, 0)).toBe(100);
    expect(summary).toMatch(/^accuracy 0\.9000, macro F1 0\.90\d\d, loss \d\.\d{4} on 100 test images$/);
    const { body } = (await store.get(output.logits.key, { sha256: output.logits.sha256 }))!;
    expect(unwrap(decodeSafetensors(body)).tensors.get('logits')?.shape).toEqual([100, 2]);
    expect(await readdir(await ports.files.scratch('evaluate'))).toEqual([]);
  });

  it('shows the test side in the events of its run', async () => {
    const { result, ports } = await evaluate([evaluates], weights(90));
    await result;
    // The second run finds its evaluation done, and shows it all the same.
    const { manifestKey: trainManifestKey } = await putTrained(store, weights(90));
    const { evaluateModel } = createEvaluateActivities(ports);
    await mockActivity().run(evaluateModel, { trainManifestKey, prepareManifestKey, runId: asRunId('pets-1') });
    const key = 'runs/pets-1/events/test/events.out.tfevents.0000000001.graft';
    const events = await readEvents((await store.get(key))!.body);
    expect(events.find(({ tag }) => tag === 'accuracy')?.value).toBeCloseTo(0.9);
    const count = (name: string): number => events.filter(({ plugin }) => plugin === name).length;
    expect([count('pr_curves'), count('images')]).toEqual([2, 1 + 10]);
  });

  it('warns of overfitting', async () => {
    const { result } = await evaluate([evaluates], weights(60, { trainAccuracy: 1, validationAccuracy: 0.8 }));
    expect((await result).output.findings.map(({ code }) => code)).toEqual(['OVERFIT', 'VALIDATION_GAP']);
  });

  it('is done once for these weights and this test side', async () => {
    const first = await (await evaluate([evaluates], weights(90))).result;
    const again = await evaluate([], weights(90));
    expect(await again.result).toEqual({ ...first, cached: true });
    const others = await evaluate([evaluates], weights(80));
    expect(await others.result).toMatchObject({ cached: false, output: { metrics: { accuracy: 0.8 } } });
    const otherTest = await putPrepared(store, { salt: 'other', rows: { train: 4, validation: 4, test: 50 } });
    prepareManifestKey = otherTest.manifestKey;
    expect(await (await evaluate([evaluates], weights(90))).result).toMatchObject({
      cached: false,
      output: { metrics: { images: 50 } },
    });
  });

  it('does not hang on the pictures to train on', async () => {
    const first = await (await evaluate([evaluates], weights(90))).result;
    const other = await putPrepared(store, { rows: { train: 8, validation: 4, test: 100 } });
    prepareManifestKey = other.manifestKey;
    expect((await (await evaluate([], weights(90))).result).key).toBe(first.key);
  });

  it('of other classes is another one: label names are part of what is scored', async () => {
    await (
      await evaluate([evaluates], weights(90))
    ).result;
    const renamed = { ...weights(90), model: tinyModel({ classes: ['chat', 'chien'] }) };
    expect(await (await evaluate([evaluates], renamed)).result).toMatchObject({ cached: false });
  });
});

describe('a detector', () => {
  it.each([
    ['faster-rcnn', 1],
    ['ssd', 32],
  ] as const)('%s gets %i pictures at a time', async (kind, batchSize) => {
    const model = tinyModel({ detector: DetectorConfig.parse({ kind }) });
    const { result, ml } = await evaluate([() => undefined], { ...weights(90), model });
    await expect(result).rejects.toMatchObject({ type: 'ML_CRASHED' });
    expect(ml.jobs).toMatchObject([{ kind: 'evaluate', batchSize }]);
  });
});

describe('an evaluation that does not end well', () => {
  it('is tried again where the child died or ended without a word', async () => {
    const dies: Script = () => {
      throw new Error('SIGKILL');
    };
    for (const script of [dies, () => undefined]) {
      const { result } = await evaluate([script], weights(90));
      await expect(result).rejects.toMatchObject({ type: 'ML_CRASHED', nonRetryable: false });
    }
  });

  it('says what the child said', async () => {
    const fails: Script = ({ emit }) => {
      emit({ kind: 'failed', code: 'MODEL_WEIGHTS', errorKind: 'input', where: 'w', seen: 'absent' });
    };
    const { result } = await evaluate([fails], weights(90));
    await expect(result).rejects.toMatchObject({ type: 'MODEL_WEIGHTS', nonRetryable: true });
  });

  it('stops the child when it is cancelled', async () => {
    for (const shutdown of [false, true]) {
      const env = mockActivity();
      let started: () => void = () => undefined;
      const running = new Promise<void>((resolve) => {
        started = resolve;
      });
      const waits: Script = async ({ stopRequested }) => {
        started();
        await stopRequested;
      };
      const { result, ml } = await evaluate([waits], weights(90), env);
      result.catch(() => undefined);
      await running;
      if (shutdown) env.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }));
      else env.cancel();
      if (shutdown) await expect(result).rejects.toMatchObject({ type: 'WORKER_SHUTDOWN' });
      else await expect(result).rejects.toBeInstanceOf(CancelledFailure);
      expect(ml.endings[0]).toBe('stop');
    }
  });
});
