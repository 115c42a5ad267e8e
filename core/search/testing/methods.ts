import type { SearchMethod, Sampler } from '../method.ts';

const random: Sampler = { kind: 'random' };
export const tpe = { kind: 'tpe', startup: 10, candidates: 24 } as const satisfies Sampler;

/** Every searcher, with the constants of training.md §5. */
export const methods: Readonly<Record<string, SearchMethod>> = {
  grid: { kind: 'grid' },
  random,
  sobol: { kind: 'sobol' },
  tpe,
  asha: { kind: 'asha', eta: 3, grace: 1, sampler: random },
  'asha with tpe': { kind: 'asha', eta: 3, grace: 1, sampler: tpe },
  hyperband: { kind: 'hyperband', eta: 3, grace: 1, sampler: random },
  median: { kind: 'median', startup: 5, grace: 1, every: 3, sampler: random },
  pbt: { kind: 'pbt', population: 8, every: 3, quantile: 0.25, resample: 0.25, factors: [0.8, 1.2] },
};
