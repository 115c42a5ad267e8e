import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { asRunId, asSha256 } from '../../core/ids.ts';
import type { RunProgress, RunReport, StageSummary, TrainingProgress } from '../../contracts/run.ts';
import { createOutput } from '../output.ts';
import { RunView, showReport, whereToLook } from './run-view.ts';
import type { PendingWork } from '../../infra/clients/runs-client.ts';

const runId = asRunId('digits-1');

function captured(json = false) {
  const stderr = new PassThrough();
  const output = createOutput({ json, stderr, stdout: new PassThrough() });
  const lines = (): string[] =>
    stripVTControlCharacters(String(stderr.read() ?? ''))
      .split('\n')
      .filter((line) => line !== '');
  return { output, lines };
}

const ingest: StageSummary = { name: 'ingest', cached: false, seconds: 2.34, summary: '1,250 images in 10 classes' };
const split: StageSummary = {
  name: 'split',
  cached: true,
  seconds: 0.1,
  summary: '1,000 train, 125 validation, 125 test',
};
const training = (step: number, epoch = 0): TrainingProgress => ({
  phase: 'training',
  attempt: 1,
  step,
  totalSteps: 100,
  epoch,
  totalEpochs: 5,
  loss: 0.5,
  imagesPerSecond: 812.4,
  etaSeconds: 12,
  featuresDone: null,
  lastEpoch: null,
  checkpoint: null,
  residentMb: null,
});
const progress = (
  stages: StageSummary[],
  stage: RunProgress['stage'],
  told: TrainingProgress | null = null,
): RunProgress => ({
  runId,
  status: 'running',
  stage,
  stages,
  training: told,
});
const work = (activity: string, heartbeat: unknown = null, lastFailure: string | null = null): PendingWork => ({
  activity,
  started: true,
  attempt: 2,
  lastFailure,
  heartbeat,
});

describe('RunView', () => {
  it('leaves one line for each stage, cached ones marked, none twice', () => {
    const { output, lines } = captured();
    const view = new RunView(output, false);
    view.update({ progress: progress([ingest], 'split'), pending: [] });
    view.update({ progress: progress([ingest], 'split'), pending: [] });
    view.end([ingest, split]);
    expect(lines()).toEqual([
      '✓ ingest       2.3 s  1,250 images in 10 classes',
      '✓ split       cached  1,000 train, 125 validation, 125 test',
    ]);
  });

  it('takes what is newer of heartbeat and query, and draws few lines where no terminal is', () => {
    const { output, lines } = captured();
    const view = new RunView(output, false);
    for (let step = 1; step <= 100; step++) {
      view.update({
        progress: progress([], 'train', training(Math.max(0, step - 30))),
        pending: [work('trainModel', training(step))],
      });
    }
    view.end([]);
    const seen = lines();
    expect(seen).toHaveLength(11);
    expect(seen[5]).toBe('train    50 of 100 epoch 1/5  loss 0.5000  812 images/s  12 s left');
  });

  it('shows amounts of a data stage before any worker answers the query', () => {
    const { output, lines } = captured();
    const view = new RunView(output, false);
    view.update({ progress: null, pending: [work('prepareImages', { done: 500, total: 1000 })] });
    view.update({ progress: null, pending: [work('prepareImages', 'not an amount')] });
    expect(lines()).toEqual(['prepare  500 of 1000']);
  });

  it('leaves at most twenty lines of epochs', () => {
    const { output, lines } = captured();
    const view = new RunView(output, false);
    for (let epoch = 1; epoch <= 1000; epoch++) {
      const lastEpoch = {
        epoch,
        step: epoch,
        learningRate: 1,
        trainLoss: 1,
        trainAccuracy: 1,
        validationLoss: 0.25,
        validationAccuracy: 0.5,
      };
      view.update({
        progress: progress([], 'train', { ...training(1), totalSteps: 0, totalEpochs: 1000, lastEpoch }),
        pending: [],
      });
    }
    const seen = lines();
    expect(seen).toHaveLength(20);
    expect(seen[0]).toBe('  epoch 50 of 1000: loss 1.0000, validation loss 0.2500, accuracy 0.5000');
  });

  it('says once why a try failed, with --json too', () => {
    const { output, lines } = captured(true);
    const view = new RunView(output, false);
    const failing = {
      progress: progress([], 'ingest'),
      pending: [work('ingestDataset', null, 'STORE_UNREACHABLE: s3')],
    };
    view.update(failing);
    view.update(failing);
    view.update({ ...failing, stuck: 'bad code' });
    view.update({ progress: null, pending: [], stuck: 'bad code' });
    expect(lines()).toEqual([
      'ingest: STORE_UNREACHABLE: s3 — try 2 follows',
      'WORKFLOW_STUCK: the run’s own code fails — bad code — see the worker’s log; it goes on by itself once a worker with mended code runs',
    ]);
  });
});

describe('showReport', () => {
  const report: RunReport = {
    runId,
    status: 'completed',
    weightsSha256: asSha256('a'.repeat(64)),
    metrics: { accuracy: 0.9512, loss: 0.21 },
    model: { name: 'digits', version: 3, promoted: false, alias: 'champion' },
    gate: [
      { rule: 'minimum accuracy', passed: true, explanation: '0.9512 ≥ 0.9' },
      { rule: 'champion accuracy', passed: false, explanation: '0.9512 < 0.9600 of version 2' },
    ],
    stages: [],
    dataset: null,
    findings: [{ level: 'warning', code: 'OVERFIT', message: 'train and validation drift apart' }],
  };

  it('gives figures, the decision with every rule, and what to heed', () => {
    const { output, lines } = captured();
    showReport(report, output);
    const text = lines().join('\n');
    expect(text).toMatch(/accuracy.*loss/);
    expect(text).toMatch(/0\.9512.*–.*0\.2100/);
    expect(text).toContain('! OVERFIT: train and validation drift apart');
    expect(text).toContain('not promoted: digits version 3 is kept, champion stays');
    expect(text).toContain('✓ minimum accuracy: 0.9512 ≥ 0.9');
    expect(text).toContain('✗ champion accuracy: 0.9512 < 0.9600 of version 2');
    expect(whereToLook(report)).toContain('graft runs show digits-1   ·   graft eval digits@3');
  });

  it('praises a promotion', () => {
    const { output, lines } = captured();
    showReport({ ...report, model: { name: 'digits', version: 3, promoted: true, alias: 'champion' } }, output);
    expect(lines().join('\n')).toContain('promoted: digits version 3 is champion');
  });
});
