import { jsonLines } from '../summaries/json-lines.ts';
import type { RunStory } from './run-story.ts';

/** Points of a line by steps; more can't be seen. */
const MAX_POINTS = 500;

/** The curves of a metrics.jsonl as a report draws them. */
export function runCurves(text: string): RunStory['curves'] {
  const lines: Record<'train' | 'validation' | 'trainRight' | 'right' | 'rate', [number, number][]> = {
    ...{ train: [], validation: [], trainRight: [], right: [], rate: [] },
  };
  for (const line of jsonLines(text)) {
    const add = (to: keyof typeof lines, x: unknown, y: unknown): void => {
      if (typeof x === 'number' && typeof y === 'number') lines[to].push([x, y]);
    };
    if (line['kind'] === 'step') add('rate', line['step'], line['learningRate']);
    if (line['kind'] !== 'epoch') continue;
    add('train', line['epoch'], line['trainLoss']);
    add('validation', line['epoch'], line['validationLoss']);
    add('trainRight', line['epoch'], line['trainAccuracy']);
    add('right', line['epoch'], line['validationAccuracy']);
  }
  const stride = Math.ceil(lines.rate.length / MAX_POINTS);
  return {
    loss: [
      { name: 'training', points: lines.train },
      { name: 'validation', points: lines.validation },
    ],
    accuracy: [
      { name: 'training', points: lines.trainRight },
      { name: 'validation', points: lines.right },
    ],
    rate: [{ name: 'rate', points: lines.rate.filter((_, i) => i % stride === 0) }],
  };
}
