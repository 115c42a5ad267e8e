import { describe, expect, it } from 'vitest';
import { asRunId } from '../../../core/ids.ts';
import { createMemoryObjectStore } from '../../../test/fakes/memory-object-store.ts';
import { metricsKey, metricsOf, readRunMetrics } from './run-metrics.ts';

const line = (step: number, loss: number): string =>
  JSON.stringify({ kind: 'step', step, epoch: 0, loss, learningRate: 0.1, timeMs: 1_700_000_000_000 + step });

describe('the curves of a metrics file', () => {
  it('of 40 MB come thinned, in order, from the first step to the last, while others are answered', async () => {
    const lines: string[] = [];
    for (let step = 1, bytes = 0; bytes < 40 * 2 ** 20; step++) {
      const text = line(step, step === 5_000 ? 1000 : 1 / step);
      lines.push(text);
      bytes += text.length + 1;
    }
    const store = createMemoryObjectStore();
    const runId = asRunId('pets-1');
    await store.put(metricsKey(runId), new TextEncoder().encode(lines.join('\n')));
    let turns = 0;
    const others = setInterval(() => turns++, 1);
    const { series, etag } = await readRunMetrics(store, runId, 500);
    clearInterval(others);
    expect(turns).toBeGreaterThan(20);
    const loss = series.find(({ name }) => name === 'loss.step');
    expect(loss?.total).toBe(lines.length);
    expect(loss?.x).toHaveLength(500);
    expect([loss?.x[0], loss?.x.at(-1)]).toEqual([1, lines.length]);
    expect(loss?.x.every((x, i) => i === 0 || x > (loss.x[i - 1] ?? 0))).toBe(true);
    // A spike is what a person looks for.
    expect(Math.max(...(loss?.y ?? []))).toBe(1000);
    // Another width of the same curves.
    const again = await readRunMetrics(store, runId, 50);
    expect([again.etag, again.series[0]?.x.length, again.series[0]?.total]).toEqual([etag, 50, lines.length]);
  });
  it('pass over what is torn, foreign or no number', async () => {
    const epoch = { kind: 'epoch', epoch: 1, step: 9, learningRate: 0.1, trainLoss: 2, trainAccuracy: 0.5 };
    const whole = { ...epoch, validationLoss: 3, validationAccuracy: 0.25 };
    const text = [
      '{"kind":"step","step":1,"loss":',
      'null',
      '[]',
      '{"kind":"step","step":"x","loss":1}',
      line(2, 1),
      JSON.stringify(whole),
      '{"kind":"other","step":3}',
      '',
    ].join('\n');
    const { series, epochs } = await metricsOf(text, 100);
    expect(series.map(({ name, x, y }) => [name, x, y])).toEqual([
      ['loss.step', [2], [1]],
      ['learningRate', [2], [0.1]],
      ['loss.train', [9], [2]],
      ['loss.validation', [9], [3]],
      ['accuracy.train', [9], [0.5]],
      ['accuracy.validation', [9], [0.25]],
    ]);
    expect(epochs).toHaveLength(1);
    expect(await metricsOf('', 100)).toEqual({ series: [], epochs: [] });
  });
});
