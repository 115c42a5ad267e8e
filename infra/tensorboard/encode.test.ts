import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { histogramOf } from '../../core/summaries/histogram.ts';
import { prCurve } from '../../core/summaries/pr-curve.ts';
import type { Summary, SummaryEvent } from '../../core/summaries/summary.ts';
import { eventEncoder } from './encode.ts';
import { pngOf } from './png.ts';

const golden = (name: string): URL => new URL(`../../test/golden/tensorboard/${name}`, import.meta.url);
const cases = z
  .object({
    weights: z.array(z.number()),
    same: z.array(z.number()),
    scores: z.array(z.number()),
    truths: z.array(z.boolean()),
    hparams: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
  })
  .parse(JSON.parse(readFileSync(golden('cases.json'), 'utf8')));

/** What make_golden.py writes with TensorBoard's own writers. */
function goldenEvents(): SummaryEvent[] {
  const sorted = Object.fromEntries(Object.entries(cases.hparams).sort(([a], [b]) => (a < b ? -1 : 1)));
  const summaries: (readonly [number, Summary])[] = [
    [
      0,
      {
        kind: 'hparams-experiment',
        createdMs: 1_700_000_000_250,
        description: 'pets',
        hparams: [
          { path: 'train.optimizer.learningRate', domain: { kind: 'interval', min: 1e-4, max: 0.1 } },
          { path: 'model.strategy', domain: { kind: 'values', values: ['head', 'full'] } },
          { path: 'train.epochs', domain: { kind: 'any', type: 'number' } },
        ],
        metrics: [
          { group: 'validation', tag: 'loss/epoch', displayName: 'validation loss', side: 'validation' },
          { group: 'test', tag: 'accuracy', displayName: 'accuracy', side: 'other' },
        ],
      },
    ],
    [0, { kind: 'hparams-start', group: 'pets-1', startedMs: 1_700_000_000_500, values: sorted }],
    [1, { kind: 'scalar', tag: 'loss/step', value: 0.1 }],
    [2, { kind: 'scalar', tag: 'loss/step', value: 0 }],
    [300, { kind: 'histogram', tag: 'head/logits/kernel', histogram: histogramOf(cases.weights) }],
    [300, { kind: 'histogram', tag: 'head/logits/bias', histogram: histogramOf(cases.same) }],
    [0, { kind: 'text', tag: 'configuration', text: '| key | value |\n|---|---|\n| naïve | ✓ |' }],
    [300, { kind: 'pr-curve', tag: 'pr/cat', curve: prCurve(cases.scores, cases.truths) }],
    [0, { kind: 'hparams-end', status: 'success', endedMs: 1_700_000_100_000 }],
  ];
  return summaries.map(([step, summary], i) => ({ step, timeMs: 1_700_000_000_000 + i * 250, summaries: [summary] }));
}

describe('event files', () => {
  it('are, byte for byte, what TensorBoard’s own writers write', async () => {
    const bytes = await eventEncoder.encode(goldenEvents(), 1_700_000_000_000);
    expect(Buffer.from(bytes).equals(readFileSync(golden('events.tfevents')))).toBe(true);
  });

  it('hold pictures as PNGs of just these pixels', async () => {
    const pixels = Uint8Array.from({ length: 2 * 3 * 3 }, (_, i) => i * 13);
    const png = await pngOf({ widthPx: 3, heightPx: 2, channels: 3, pixels });
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels, ...data]).toEqual([3, 2, 3, ...pixels]);
  });
});
