import { unreachable } from '../errors.ts';

/** What a trial can be judged by. Of the epoch whose weights are kept (`train.bestMetric`), so that it is what is promoted. */
export const sweepMetrics = [
  'validation.accuracy',
  'validation.loss',
  'train.accuracy',
  'train.loss',
  'model.parameters',
  'model.trainableParameters',
  'model.bytes',
  'train.steps',
] as const;
export type SweepMetric = (typeof sweepMetrics)[number];

export const isSweepMetric = (name: string): name is SweepMetric => sweepMetrics.some((metric) => metric === name);

export interface TrainingFigures {
  readonly steps: number;
  readonly best: {
    readonly validationAccuracy: number;
    readonly validationLoss: number;
    readonly trainAccuracy: number;
    readonly trainLoss: number;
  };
  readonly totalParameters: number;
  readonly trainableParameters: number;
  readonly weightsBytes: number;
}

export function metricOf(metric: SweepMetric, figures: TrainingFigures): number {
  switch (metric) {
    case 'validation.accuracy':
      return figures.best.validationAccuracy;
    case 'validation.loss':
      return figures.best.validationLoss;
    case 'train.accuracy':
      return figures.best.trainAccuracy;
    case 'train.loss':
      return figures.best.trainLoss;
    case 'model.parameters':
      return figures.totalParameters;
    case 'model.trainableParameters':
      return figures.trainableParameters;
    case 'model.bytes':
      return figures.weightsBytes;
    case 'train.steps':
      return figures.steps;
    default:
      return unreachable(metric);
  }
}
