import type { PairedAnswers } from '../../core/promotion/paired.ts';
import { stream } from '../../core/rng.ts';

export interface TwoModels {
  readonly images: number;
  readonly classes: number;
  /** Shares of right answers. */
  readonly champion: number;
  readonly challenger: number;
  /** Share of the images that are hard or easy for both alike; on the rest the models err each for itself. */
  readonly alike: number;
}

/**
 * Test set number `draw` of two models of known accuracy, drawn by address. On images where they are alike one uniform
 * decides for both, so that the better is right wherever the worse is.
 */
export function drawTestSet(models: TwoModels, draw: number): PairedAnswers {
  const { images, classes, alike } = models;
  const random = stream(20261124, 'two-models');
  const answers = { labels: [] as number[], challenger: [] as number[], champion: [] as number[] };
  for (let image = 0; image < images; image++) {
    const uniform = (what: number): number => random.uniform(draw, image, what);
    const label = Math.floor(uniform(0) * classes);
    const shared = uniform(1) < alike;
    const other = (label + 1 + Math.floor(uniform(2) * (classes - 1))) % classes;
    answers.labels.push(label);
    answers.challenger.push(uniform(3) < models.challenger ? label : other);
    answers.champion.push(uniform(shared ? 3 : 4) < models.champion ? label : other);
  }
  return { classes, ...answers };
}
