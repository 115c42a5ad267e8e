import { describe, expect, it } from 'vitest';
import { OpenLineageEvent } from '../../contracts/open-lineage.ts';
import { uuidOf } from '../../infra/clients/lineage.ts';
import { lineageChart } from './lineage.ts';
import type { ModelLineage } from './lineage.ts';
import { openLineageEvents } from './open-lineage.ts';

const hash = (digit: string): string => digit.repeat(64);
const step = (stage: string, digit: string) => ({
  ...{ stage, key: hash(digit), createdAt: '2026-01-01T00:00:00.000Z', codeVersion: 1, addressedBy: { a: 1 } },
});
const lineage: ModelLineage = {
  ...{ model: 'pets', version: 3, createdAt: '2026-01-01T00:00:09.000Z', runId: 'pets-1', requestedBy: 'ada' },
  ...{ graftVersion: '1.2.3', weightsSha256: hash('9'), configSha256: hash('8') },
  backbone: { name: 'mobilenet-v2', weights: 'imagenet', sha256: hash('7') },
  dataset: { name: 'pets', version: hash('d'), source: './pe"ts]\n<b>' },
  images: { train: 70, test: 20 },
  steps: [step('split', '1'), step('prepare', '2'), step('train', '3'), step('evaluate', '4'), step('gate', '5')],
  moves: [{ alias: 'champion', time: '2026-01-01T00:00:10.000Z', actor: 'ada', seq: 4 }],
};

describe('a model’s history', () => {
  it('is OpenLineage’s run events: valid, each with its inputs, the same every time', () => {
    const events = openLineageEvents(lineage, 'graft', uuidOf);
    expect(events.map((event) => OpenLineageEvent.parse(event))).toEqual(events);
    expect(events.map(({ job, inputs, outputs }) => [job.name, inputs.length, outputs.length])).toEqual([
      ...[
        ['split', 1, 1],
        ['prepare', 1, 1],
        ['train', 2, 1],
        ['evaluate', 2, 1],
        ['gate', 2, 1],
      ],
      ['promote', 2, 1],
    ]);
    expect(events[2]?.inputs).toMatchObject([
      { namespace: 's3://graft', name: 'stages/prepare', facets: { version: { datasetVersion: hash('2') } } },
      { name: 'weights/mobilenet-v2', facets: { version: { datasetVersion: hash('7') } } },
    ]);
    expect(events.at(-1)?.outputs).toMatchObject([{ name: 'models/pets/versions/3' }]);
    expect(openLineageEvents(lineage, 'graft', uuidOf)).toEqual(events);
    expect(new Set(events.map(({ run }) => run.runId)).size).toBe(events.length);
  });

  it('is a flow chart in which no name can be more than a name', () => {
    const chart = lineageChart(lineage);
    expect(chart).toMatch(/^flowchart LR\n/);
    expect(chart).toContain('  train --> model\n');
    expect(chart).not.toContain('<b>');
    expect(
      chart
        .split('\n')
        .filter((line) => line.includes('["'))
        .every((line) => /^ {2}\w+\["[^"]*"\]$/.test(line)),
    ).toBe(true);
  });
});
