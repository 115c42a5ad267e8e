import { setImmediate } from 'node:timers/promises';
import { createLTTB } from 'downsample';
import { EpochMetrics } from '../../../contracts/manifests.ts';
import type { RunMetrics, Series } from '../../../contracts/web.ts';
import type { RunId } from '../../../core/ids.ts';
import { runFiles } from '../../../core/training/run-files.ts';
import { jsonLines } from '../../../core/summaries/json-lines.ts';
import type { ObjectStore } from '../../../infra/ports/object-store.ts';
import { lately } from './lately.ts';

const MAX_BYTES = 256 * 2 ** 20;

const thin = createLTTB<[number, number]>({ x: ([x]) => x, y: ([, y]) => y });

export const metricsKey = (runId: RunId): string => `runs/${runId}/${runFiles.metrics}`;

/** Whole curves of files that were read lately: a page asks for the same one in several widths, and again and again. */
const gathered = lately<Gathered>(2);

/** What a training has logged so far, thinned to about `points` a series by largest triangles. */
export async function readRunMetrics(store: ObjectStore, runId: RunId, points: number): Promise<RunMetrics> {
  const key = metricsKey(runId);
  const etag = (await store.head(key))?.etag ?? null;
  if (etag === null) return { series: [], epochs: [], etag };
  const all = await gathered(`${key} ${etag}`, async () => {
    const found = await store.get(key, { maxBytes: MAX_BYTES });
    return gather(new TextDecoder().decode(found?.body));
  });
  return { ...thinned(all, points), etag };
}

/** The same of a metrics.jsonl that is read already. Torn and foreign lines are passed over. */
export async function metricsOf(text: string, points: number): Promise<Pick<RunMetrics, 'series' | 'epochs'>> {
  return thinned(await gather(text), points);
}

interface Gathered {
  readonly lines: ReadonlyMap<string, readonly [number, number][]>;
  readonly epochs: readonly EpochMetrics[];
}

/** So many lines are read between two turns of whatever else the server has to do: some tens of milliseconds. */
const LINES_A_TURN = 10_000;

async function gather(text: string): Promise<Gathered> {
  const lines = new Map<string, [number, number][]>();
  const add = (name: string, step: number, value: unknown): void => {
    if (typeof value !== 'number' || !Number.isFinite(value)) return;
    const series = lines.get(name);
    if (series) series.push([step, value]);
    else lines.set(name, [[step, value]]);
  };
  const epochs: EpochMetrics[] = [];
  let read = 0;
  for (const line of jsonLines(text)) {
    if (++read % LINES_A_TURN === 0) await setImmediate();
    const step = line['step'];
    if (typeof step !== 'number') continue;
    if (line['kind'] === 'step') {
      add('loss.step', step, line['loss']);
      add('learningRate', step, line['learningRate']);
    } else if (line['kind'] === 'epoch') {
      add('loss.train', step, line['trainLoss']);
      add('loss.validation', step, line['validationLoss']);
      add('accuracy.train', step, line['trainAccuracy']);
      add('accuracy.validation', step, line['validationAccuracy']);
      const epoch = EpochMetrics.safeParse(line);
      if (epoch.success) epochs.push(epoch.data);
    }
  }
  return { lines, epochs };
}

function thinned({ lines, epochs }: Gathered, points: number): Pick<RunMetrics, 'series' | 'epochs'> {
  return { series: [...lines].map(([name, line]) => seriesOf(name, line, points)), epochs: [...epochs] };
}

function seriesOf(name: string, line: readonly [number, number][], points: number): Series {
  // A resumed run's log continues without gap or double; what a foreign hand has mixed up is put in order.
  const sorted = line.every(([x], i) => i === 0 || x >= (line[i - 1]?.[0] ?? x))
    ? line
    : [...line].sort((a, b) => a[0] - b[0]);
  const kept = sorted.length <= points ? sorted : Array.from(thin([...sorted], points));
  return { name, x: kept.map(([x]) => x), y: kept.map(([, y]) => y), total: line.length };
}
