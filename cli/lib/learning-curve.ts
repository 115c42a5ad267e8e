import { join } from 'node:path';
import type { SourceEntry } from '../../infra/ports/dataset-source.ts';
import type { LookedAt } from '../../core/dataset/dataset-look.ts';
import { learningCurve } from '../../core/dataset/learning-curve.ts';
import type { LearningCurve } from '../../core/dataset/learning-curve.ts';
import { sortedClasses } from '../../core/dataset/order.ts';
import { unlikeImages } from '../../core/dataset/unlike.ts';
import { inputError } from '../../core/errors.ts';
import type { LabelledCodes } from '../../core/linear/objectives.ts';
import { settings } from '../../infra/config.ts';
import { fetchWeights } from '../../infra/native/weights-fetch.ts';
import type { Output } from '../output.ts';
import { computeCodes, cutOf, pooled } from './codes.ts';
import { withDataSource } from './data-source.ts';
import type { LocalData } from './local-data.ts';
import { renderShards, withPictures } from './scoring.ts';
import type { Picture, Shard } from './scoring.ts';
import { splitLocal } from './split-local.ts';

/** Held-out images below which every figure is luck. */
const LEAST_HELD = 10;

export interface CurveReport {
  readonly backbone: string;
  readonly curve: LearningCurve;
  /** Held-out images like no training image, the strangest first. */
  readonly unlike: readonly { readonly path: string; readonly nearest: string; readonly similarity: number }[];
}

/**
 * Codes of every image once, then a linear classifier from growing shares of the training images, scored on those that a
 * split holds out (its test and validation sides). LEARNING_CURVE (input) where there is nothing to learn or to hold out.
 */
export async function learningCurveOf(data: LocalData, looked: LookedAt, output: Output): Promise<CurveReport> {
  const { target, task } = data;
  if (task !== 'classification') {
    const seen = 'boxes';
    throw inputError('LEARNING_CURVE', target.name, seen, 'labels of whole pictures', 'train on shares of the data');
  }
  const { items, sideOf } = splitLocal(data, looked);
  const classes = sortedClasses(items.map(({ label }) => label));
  const heldRows = [...items.keys()].filter((row) => sideOf(items[row]) !== 'train');
  const learntRows = [...items.keys()].filter((row) => sideOf(items[row]) === 'train');
  if (classes.length < 2 || heldRows.length < LEAST_HELD) {
    const seen = `${classes.length} classes, ${heldRows.length} of ${items.length} images held out`;
    const expected = `two classes and ${LEAST_HELD} held-out images or more`;
    throw inputError('LEARNING_CURVE', target.name, seen, expected, 'collect more, or hold out a larger share');
  }
  const { backbone, codes, width } = await codesOf(data, new Set(items.map(({ path }) => path)), output);
  const labelled = (rows: readonly number[]): LabelledCodes => {
    const chosen = new Float32Array(rows.length * width);
    for (const [at, row] of rows.entries()) chosen.set(codes(items[row]?.path ?? ''), at * width);
    const labels = Int32Array.from(rows, (row) => classes.indexOf(items[row]?.label ?? ''));
    return { codes: chosen, labels, width, classes: classes.length };
  };
  const [learnt, held] = [labelled(learntRows), labelled(heldRows)];
  const unlike = unlikeImages(learnt.codes, held.codes, width).map(({ row, nearest, similarity }) => ({
    path: items[heldRows[row] ?? 0]?.path ?? '',
    nearest: items[learntRows[nearest] ?? 0]?.path ?? '',
    similarity: Math.round(10_000 * similarity) / 10_000,
  }));
  return { backbone, curve: drawn(learningCurve(learnt, held, target.dataset.split.seed), output), unlike };
}

function drawn(steps: Generator<number, LearningCurve, undefined>, output: Output): LearningCurve {
  const bar = output.progress('learn');
  let step = steps.next();
  for (; !step.done; step = steps.next()) bar.update(Math.round(100 * step.value), 100);
  bar.stop();
  return step.value;
}

/** Codes by path, with the backbone and weights that a run would have. */
async function codesOf({ target }: LocalData, wanted: ReadonlySet<string>, output: Output) {
  const { dataset, frame, model } = target;
  const { backbone } = model;
  const weights = await fetchWeights(backbone, model.weights, settings());
  const { window, hierarchy } = dataset;
  const options = { task: 'classification', window, hierarchy } as const;
  return withDataSource(dataset.source, dataset.format, options, (bench) =>
    withPictures(async (scoring) => {
      const entries: SourceEntry[] = [];
      for await (const entry of bench.source.list()) if (wanted.has(entry.path)) entries.push(entry);
      const pictures: Picture[] = [];
      for (const [row, entry] of entries.entries()) {
        // A folder each: names may repeat where a store's pictures are copied.
        const path = await bench.source.fetch(entry, join(bench.dir, String(row)));
        pictures.push({ name: entry.path, path, label: null });
      }
      const shards: Shard[] = [];
      const image = { ...frame, channels: 3 } as const;
      const bad = (found: { readonly error: Error }): never => {
        throw found.error;
      };
      for await (const shard of renderShards(scoring, { model: { image } }, pictures, bad)) shards.push(shard);
      const network = { backbone, cut: cutOf(backbone, null), weightsPath: weights?.path ?? null };
      const { names, shape, values } = pooled(await computeCodes(scoring, network, shards, output));
      const [width = 0] = shape;
      const rows = new Map(names.map((name, row) => [name, row]));
      const codes = (path: string): Float32Array => {
        const row = rows.get(path) ?? -1;
        return values.subarray(row * width, (row + 1) * width);
      };
      return { backbone, codes, width };
    }),
  );
}

const BAR = 40;

/** The curve and what it says, in lines for a terminal. */
export function curveLines({ backbone, curve, unlike }: CurveReport): string[] {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const rows = curve.points.map(({ images, accuracy, draws }) => {
    const [low, high] = [Math.min(...draws), Math.max(...draws)];
    const spread = draws.length > 1 ? `  ${percent(low)} to ${percent(high)}` : '';
    return `${String(images).padStart(7)} │${'█'.repeat(Math.round(BAR * accuracy)).padEnd(BAR)}│ ${percent(accuracy)}${spread}`;
  });
  const strange = unlike.slice(0, 5).map(({ path, nearest }) => `  ${path} (nearest: ${nearest})`);
  return [
    `accuracy on ${curve.heldOut} held-out images of a linear classifier on codes of ${backbone}, by images learnt from:`,
    ...rows,
    verdictLine(curve),
    ...(unlike.length === 0 ? [] : [`${unlike.length} held-out images are unlike any training image:`, ...strange]),
  ];
}

function verdictLine({ verdict, points, accuracyAtTwice, standardError }: LearningCurve): string {
  const points100 = (share: number): string => (100 * share).toFixed(1);
  const accuracy = points.at(-1)?.accuracy ?? 0;
  const gain = `about ${points100((accuracyAtTwice ?? accuracy) - accuracy)} points`;
  const chance = `the test itself is good to ± ${points100(1.96 * standardError)} points`;
  switch (verdict) {
    case 'more':
      return `MORE DATA HELPS: twice as many images would bring ${gain} (${chance})`;
    case 'little':
      return `MORE DATA HELPS A LITTLE: twice as many images would bring ${gain} (${chance})`;
    case 'enough':
      return `ENOUGH DATA FOR THIS: more of the same would bring next to nothing; another network or strategy may (${chance})`;
    case 'unsure':
      return `CAN'T TELL: the curve rises by less than the held-out images can tell from chance (${chance}): hold out more`;
  }
}
