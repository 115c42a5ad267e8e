import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TrainStageResult } from '../../contracts/stages.ts';
import { childEnvironment } from '../../infra/config.ts';
import { createMlRunner } from '../../infra/ml/ml-runner.ts';
import type { MlRunner } from '../../infra/ports/ml-runner.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { mockActivity } from '../../test/fakes/mock-activity.ts';
import { createTrainWorld } from '../../test/fakes/train-stage.ts';
import type { TrainWorld } from '../../test/fakes/train-stage.ts';
import { fakePorts } from '../../test/fakes/train-ports.ts';
import { createTrainActivities } from './train.ts';

/** The training stage with real children, on machines that share nothing but the store. */
describe('codes of a frozen trunk', () => {
  let dir = '';
  let world: TrainWorld;
  let first: TrainStageResult;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'graft-codes-'));
    world = await createTrainWorld(dir, createMemoryObjectStore(), { rows: { train: 300, validation: 40, test: 4 } });
  });
  afterAll(() => {
    rmSync(dir, { recursive: true });
  });

  const change = { model: { strategy: 'head', dropout: 0.2 }, train: { epochs: 2, batchSize: 64 } };
  const jobs: string[] = [];
  /** `killedAt`: the word of the child that computes codes at which it is killed. */
  function runner(killedAt = Infinity): MlRunner {
    const real = createMlRunner({ env: childEnvironment({}, { secrets: false }), defaultThreads: 2 });
    return {
      ...real,
      start(job, options) {
        jobs.push(job.kind);
        const session = real.start(job, options);
        if (job.kind !== 'features') return session;
        async function* events() {
          let words = 0;
          for await (const event of session.events) {
            yield event;
            if (++words === killedAt) await session.kill();
          }
        }
        return { ...session, events: { [Symbol.asyncIterator]: events } };
      },
    };
  }

  /** A training from nothing but the codes in the store: another one with the same outcome must not be taken. */
  async function train(machine: string, ml = runner()): Promise<TrainStageResult> {
    for (const key of world.store.keys()) if (/^(stages\/train|runs)\//.test(key)) await world.store.delete(key);
    jobs.length = 0;
    const ports = fakePorts({ store: world.store, dir: join(dir, machine), ml });
    const answer: unknown = await mockActivity().run(createTrainActivities(ports).trainModel, world.inputWith(change));
    return TrainStageResult.parse(answer);
  }
  const shards = (): string[] => world.store.keys().filter((key) => /^stages\/features\/.*safetensors$/.test(key));

  it('are computed once; another machine has the same weights from the store alone', async () => {
    first = await train('a');
    expect(jobs).toEqual(['features', 'train']);
    expect(shards()).toHaveLength(3);
    expect(first.output.frozen).toMatchObject({ images: 340, computed: 340, passes: 680, passesSaved: 340 });
    const second = await train('b');
    expect(jobs).toEqual(['train']);
    expect(second.output.weights.sha256).toBe(first.output.weights.sha256);
  });

  it('that are damaged or gone are computed again, to the same bytes and the same weights', async () => {
    const before = shards();
    const [flipped = '', lost = ''] = before;
    world.store.corrupt(flipped, (body) => body.map((byte, i) => (i === body.length - 9 ? byte ^ 1 : byte)));
    await world.store.delete(lost);
    const mended = await train('c');
    expect(jobs).toEqual(['features', 'train']);
    expect(mended.output.weights.sha256).toBe(first.output.weights.sha256);
    expect(shards()).toEqual(before);
    await train('d');
    expect(jobs).toEqual(['train']);
  });

  it.each([3, 10, 12])('killed after word %i go on where they were, to the same weights', async (word) => {
    for (const key of world.store.keys()) if (key.startsWith('stages/features/')) await world.store.delete(key);
    const machine = `killed-${word}`;
    await expect(train(machine, runner(word))).rejects.toMatchObject({ type: 'ML_CRASHED', nonRetryable: false });
    expect((await train(machine)).output.weights.sha256).toBe(first.output.weights.sha256);
  });
});
