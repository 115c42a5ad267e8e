import { describe, expect, it } from 'vitest';
import { RunRecord, RunReport } from '../../contracts/run.ts';
import { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { asRunId } from '../../core/ids.ts';
import { eventEncoder } from '../../infra/tensorboard/encode.ts';
import { createFakeClock } from '../../test/fakes/clock.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { readEvents } from '../../test/lib/read-events.ts';
import { createRunActivities } from './run-record.ts';

const runId = asRunId('pets-1');
const config = PipelineConfig.parse({ name: 'pets', dataset: { source: './pets' } });

function world() {
  const store = createMemoryObjectStore();
  const clock = createFakeClock();
  const read = async (key: string): Promise<unknown> => JSON.parse((await store.get(key))!.body.toString());
  return { store, clock, read, ...createRunActivities({ store, clock, graftVersion: '1.2.3', events: eventEncoder }) };
}

describe('the record of a run', () => {
  it('is written once: a run that is resumed finds its own', async () => {
    const { openRun, read, clock } = world();
    await openRun({ runId, config, requestedBy: 'ada' });
    clock.advance(1000);
    await openRun({ runId, config, requestedBy: 'bob' });
    expect(RunRecord.parse(await read('runs/pets-1/run.json'))).toMatchObject({
      requestedBy: 'ada',
      createdAt: '2026-01-01T00:00:00.000Z',
      graftVersion: '1.2.3',
      config: { name: 'pets' },
    });
  });

  it('ends with its report; the report of a resumed run takes the place of the first', async () => {
    const { closeRun, read } = world();
    const report: RunReport = {
      runId,
      status: 'failed',
      weightsSha256: null,
      metrics: null,
      model: null,
      gate: [],
      stages: [],
      dataset: null,
      findings: [],
    };
    await closeRun(report);
    await closeRun({ ...report, status: 'completed' });
    expect(RunReport.parse(await read('runs/pets-1/report.json')).status).toBe('completed');
  });

  it('has its hyperparameters for TensorBoard, and how it ended', async () => {
    const { openRun, closeRun, store, clock } = world();
    const events = async (part: number) =>
      readEvents((await store.get(`runs/pets-1/events/events.out.tfevents.000000000${part}.graft`))!.body);
    await openRun({ runId, config, requestedBy: 'ada' });
    const first = await events(1);
    expect(first.map(({ tag }) => tag)).toEqual(['_hparams_/session_start_info', 'configuration']);
    clock.advance(60_000);
    await openRun({ runId, config, requestedBy: 'ada' });
    expect(await events(1)).toEqual(first);
    const nothing = {
      weightsSha256: null,
      metrics: null,
      model: null,
      gate: [],
      stages: [],
      dataset: null,
      findings: [],
    };
    await closeRun({ runId, status: 'cancelled', ...nothing });
    expect((await events(2)).map(({ tag }) => tag)).toEqual(['_hparams_/session_end_info']);
  });
});
