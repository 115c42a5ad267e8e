/** Where new trials come from. Grid: in order; Sobol: evenly spread; TPE: where good ones were. */
export type Sampler =
  | { readonly kind: 'grid' | 'random' | 'sobol' }
  /** Random for the first `startup` results, then the best of `candidates` draws (training.md §5). */
  | { readonly kind: 'tpe'; readonly startup: number; readonly candidates: number };

export type SamplerKind = Sampler['kind'];

/** Rungs at `grace` · `eta`^k epochs; one in `eta` of a rung goes on to the next. */
export interface Halving {
  readonly eta: number;
  readonly grace: number;
  readonly sampler: Sampler;
}

/** How settings are searched for. */
export type SearchMethod =
  | Sampler
  | ({ readonly kind: 'asha' } & Halving)
  | ({ readonly kind: 'hyperband' } & Halving)
  /** A trial ends early when it is worse than the median of others at the same epoch; looked at `every` so many epochs. */
  | {
      readonly kind: 'median';
      readonly startup: number;
      readonly grace: number;
      readonly every: number;
      readonly sampler: Sampler;
    }
  /** A population that trains in generations of `every` epochs; the worst quantile copies the best and varies it. */
  | {
      readonly kind: 'pbt';
      readonly population: number;
      readonly every: number;
      readonly quantile: number;
      readonly resample: number;
      readonly factors: readonly [number, number];
    };
