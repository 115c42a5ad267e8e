/**
 * The real TensorBoard reads what graft writes, values equal: its event multiplexer and its HParams plugin's backend.
 * Needs GRAFT_BENCH_PYTHON, a Python that has tensorboard; without it infra/tensorboard/encode.test.ts compares with
 * golden bytes that TensorBoard's own writers made.
 */
import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { createRunActivities } from '../../activities/run-record/run-record.ts';
import { putCurves, putEvents } from '../../activities/lib/run-events.ts';
import { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { asRunId } from '../../core/ids.ts';
import type { RunId } from '../../core/ids.ts';
import { scoreLogits } from '../../core/metrics/classification.ts';
import { dimensionsOf, experimentSummary } from '../../core/summaries/experiment.ts';
import { histogramOf, histogramRows } from '../../core/summaries/histogram.ts';
import { hparamsOf } from '../../core/summaries/hparams.ts';
import { testSummaries, worstAnswers } from '../../core/summaries/test-events.ts';
import { eventEncoder } from '../../infra/tensorboard/encode.ts';
import { pngOf } from '../../infra/tensorboard/png.ts';
import { createFakeClock } from '../fakes/clock.ts';
import { createMemoryObjectStore } from '../fakes/memory-object-store.ts';
import { temporaryDir } from '../servers.ts';

const python = process.env['GRAFT_BENCH_PYTHON'] ?? '';
const dir = temporaryDir('tensorboard');
afterAll(() => rm(dir, { recursive: true, force: true }));

interface Seen {
  readonly tags: Record<string, { plugin: string; steps: number[]; times: number[]; values: unknown[] }>;
  readonly experiment: { hparams: string[]; metrics: string[] };
  readonly groups: {
    name: string;
    hparams: Record<string, unknown>;
    metrics: Record<string, number>;
    sessions: { name: string; status: number; start: number }[];
  }[];
}

const store = createMemoryObjectStore();
const clock = createFakeClock();
const ports = { store, clock, events: eventEncoder, graftVersion: '0.0.0' };
const { openRun, closeRun } = createRunActivities(ports);
const ids = [asRunId('pets-1'), asRunId('pets-2')] as const;
const configOf = (learningRate: number) =>
  PipelineConfig.parse({
    name: 'pets',
    dataset: { source: './pets' },
    train: { optimizer: { kind: 'adam', learningRate } },
  });
const weights = [0.5, -0.25, 0.125, 1];
const labels = [0, 0, 1, 1];
const classes = ['cat', 'dog'];
const logits = Float32Array.from([3, 0, 0, 1, 0, 2, 5, 0]);
const scored = { classes, logits, labels, metrics: scoreLogits(logits, labels, classes) };
const picture = { widthPx: 2, heightPx: 1, channels: 3, pixels: Uint8Array.from([1, 2, 3, 4, 5, 6]) } as const;

/** A run as its activities leave it; the second one's log is written in two pieces, as in a run that is resumed. */
async function writeRun(runId: RunId, learningRate: number): Promise<void> {
  await openRun({ runId, config: configOf(learningRate), requestedBy: 'ada' });
  const at = clock.nowMs();
  const step = (n: number) => ({ kind: 'step', step: n, epoch: 1, loss: 1 / n, learningRate, timeMs: at + n });
  const epoch = {
    ...{ kind: 'epoch', epoch: 1, step: 3, learningRate, timeMs: at + 4 },
    ...{ trainLoss: 0.5, trainAccuracy: 0.6, validationLoss: learningRate, validationAccuracy: 0.8 },
  };
  const lines = [step(1), step(2), step(3), epoch].map((line) => `${JSON.stringify(line)}\n`);
  const histogram = { kind: 'histograms', epoch: 1, step: 3, timeMs: at, histograms: { bias: histogramOf(weights) } };
  await putCurves(ports, runId, { metrics: lines.slice(0, 2).join(''), histograms: '' });
  await putCurves(ports, runId, { metrics: lines.join(''), histograms: JSON.stringify(histogram) });
  const errors = worstAnswers(scored).map((answer) => ({ answer, picture }));
  const summaries = testSummaries(scored, errors);
  await putEvents(ports, runId, { side: 'test', part: 1 }, [{ step: 3, timeMs: at, summaries }]);
  const nothing = {
    weightsSha256: null,
    metrics: null,
    model: null,
    gate: [],
    stages: [],
    dataset: null,
    findings: [],
  };
  await closeRun({ runId, status: runId === ids[0] ? 'completed' : 'failed', ...nothing });
}

async function readByTensorBoard(): Promise<Seen> {
  await writeRun(ids[0], 0.001);
  await writeRun(ids[1], 0.25);
  for (const key of store.keys().filter((each) => each.includes('/events/'))) {
    const path = join(dir, key.replace(/^runs\//, '').replace('/events/', '/'));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, (await store.get(key))!.body);
  }
  const dimensions = dimensionsOf([0.001, 0.25].map((rate) => hparamsOf(configOf(rate))));
  const head = [{ step: 0, timeMs: 0, summaries: [experimentSummary('two runs', 1000, dimensions)] }];
  await writeFile(join(dir, 'events.out.tfevents.0000000000.graft'), await eventEncoder.encode(head, 0));
  const reader = fileURLToPath(new URL('../golden/tensorboard/read_events.py', import.meta.url));
  const { stdout } = await promisify(execFile)(python, [reader, dir], { maxBuffer: 1 << 26 });
  return JSON.parse(stdout) as Seen;
}

describe.skipIf(python === '')('the real TensorBoard (GRAFT_BENCH_PYTHON)', () => {
  it('finds every kind of summary, values equal', async () => {
    const { tags, experiment, groups } = await readByTensorBoard();
    const times = [1, 2, 3].map((ms) => (clock.nowMs() + ms) / 1000);
    const f32 = (values: readonly number[]) => values.map(Math.fround);
    expect(tags['pets-1/train|loss/step']).toEqual({
      ...{ plugin: 'scalars', steps: [1, 2, 3], times },
      values: f32([1, 1 / 2, 1 / 3]),
    });
    expect(tags['pets-1/validation|loss/epoch']).toMatchObject({ steps: [3], values: f32([0.001]) });
    const rows = [...histogramRows(histogramOf(weights))];
    expect((tags['pets-1/train|bias']?.values[0] as number[][]).flat()).toEqual(rows);
    expect(tags['pets-2/test|accuracy']?.values).toEqual([0.5]);
    expect(tags['pets-2/test|PR/cat']).toMatchObject({ plugin: 'pr_curves', steps: [3] });
    const curve = testSummaries(scored, []).find((each) => each.kind === 'pr-curve' && each.tag === 'PR/cat');
    const expected = curve?.kind === 'pr-curve' ? Object.values(curve.curve).map(f32) : null;
    const read = tags['pets-2/test|PR/cat']?.values[0] as number[][];
    expect(read).toEqual(expected);
    const error = tags['pets-1/test|errors/01 dog taken for cat'];
    expect(error?.values).toEqual([{ size: [2, 1], pngs: [(await pngOf(picture)).toString('hex')] }]);
    expect(tags['pets-1|configuration']?.values[0]).toContain('"backbone": "efficientnet-lite0"');

    // The HParams tab.
    expect(experiment.hparams[0]).toBe('train.optimizer.learningRate');
    expect(experiment.metrics).toContain('validation|loss/epoch');
    expect(groups.map(({ name }) => name).sort()).toEqual(['pets-1', 'pets-2']);
    for (const [i, rate] of [0.001, 0.25].entries()) {
      const group = groups.find(({ name }) => name === ids[i]);
      expect(group?.hparams).toEqual(hparamsOf(configOf(rate)));
      expect(group?.metrics['validation|loss/epoch']).toBe(Math.fround(rate));
      expect(group?.metrics['test|accuracy']).toBe(0.5);
      // STATUS_SUCCESS and STATUS_FAILURE
      expect(group?.sessions).toEqual([{ name: ids[i], status: i + 1, start: clock.nowMs() / 1000 }]);
    }
  });
});
