import { jsonLines } from '../summaries/json-lines.ts';
import type { ChartLine } from './line-chart.ts';
import type { RunStory } from './run-story.ts';

/** Points of a line by steps; more can't be seen. */
const MAX_POINTS = 500;

/** Lines by name, in the order in which they were begun. */
class Lines {
  private readonly lines = new Map<string, [number, number][]>();

  add(name: string, x: unknown, y: unknown): void {
    if (typeof x !== 'number' || typeof y !== 'number') return;
    const points = this.lines.get(name) ?? [];
    points.push([x, y]);
    this.lines.set(name, points);
  }

  drawn(): ChartLine[] {
    return [...this.lines].map(([name, points]) => {
      const stride = Math.ceil(points.length / MAX_POINTS);
      return { name, points: points.filter((_, i) => i % stride === 0) };
    });
  }
}

/** The curves of a metrics.jsonl as a report draws them. */
export function runCurves(text: string): RunStory['curves'] {
  const [loss, parts, accuracy, mAP, rate] = [new Lines(), new Lines(), new Lines(), new Lines(), new Lines()];
  for (const line of jsonLines(text)) {
    if (line['kind'] === 'step') rate.add('rate', line['step'], line['learningRate']);
    if (line['kind'] !== 'epoch') continue;
    const { epoch, detection } = line;
    loss.add('training', epoch, line['trainLoss']);
    loss.add('validation', epoch, line['validationLoss']);
    if (isRecord(detection)) {
      const { losses, evaluated } = detection;
      if (isRecord(losses)) for (const [name, value] of Object.entries(losses)) parts.add(name, epoch, value);
      if (evaluated !== true) continue;
      mAP.add('validation', epoch, detection['mAP50']);
      mAP.add('median', epoch, detection['median50']);
      mAP.add('lowest (95 %)', epoch, detection['low50']);
      mAP.add('highest (95 %)', epoch, detection['high50']);
    } else {
      accuracy.add('training', epoch, line['trainAccuracy']);
      accuracy.add('validation', epoch, line['validationAccuracy']);
    }
  }
  return {
    ...{ loss: loss.drawn(), parts: parts.drawn(), accuracy: accuracy.drawn() },
    ...{ mAP: mAP.drawn(), rate: rate.drawn() },
  };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
