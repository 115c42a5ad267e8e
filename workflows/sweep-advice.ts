import type { PinnedData } from '../contracts/run.ts';
import type { SweepInput } from '../contracts/sweep.ts';
import { firstTrial } from '../core/advice/first-trial.ts';
import { isAugmenting } from '../core/augment/settings.ts';
import type { SweepState } from '../core/search/sweep.ts';
import { valuesKey } from '../core/search/space.ts';

/** A sweep whose first trial is the advisor's pick for its data; as it was where its space has no place for that. */
export function withAdvice(state: SweepState, base: SweepInput['base'], { dataset }: PinnedData): SweepState {
  const { split } = base.dataset;
  const pick = firstTrial(state.search.space, base, {
    images: Math.round(dataset.images * (1 - split.test - split.validation)),
    classes: dataset.classes.length,
    backbone: base.model.backbone,
    gray: base.image.color === 'gray',
    augmenting: isAugmenting(base.augment) && base.augment.cachedVariants === null,
    batchSize: base.train.batchSize,
  });
  if (pick === null) return state;
  const others = state.search.wanted.filter((values) => valuesKey(values) !== valuesKey(pick));
  return { ...state, search: { ...state.search, wanted: [pick, ...others] } };
}
