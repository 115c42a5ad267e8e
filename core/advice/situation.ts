/** How many pictures there are to learn from, for the purpose of choosing what to train. */
export type DataSize = 'small' | 'medium' | 'large';

/** How like the pictures are to those that the network knows, as measured by a probe; `unknown` where none was made. */
export type Similarity = 'similar' | 'between' | 'different' | 'unknown';

/** Training pictures below which a set is small, and from which it is large; and the same for each class on average. */
export const sizeLimits = { small: 2_000, large: 20_000, smallPerClass: 50, largePerClass: 500 } as const;

/** Many pictures of very many classes are few of each: the lower of both judgements holds. */
export function dataSize(images: number, classes: number): DataSize {
  const perClass = images / Math.max(1, classes);
  if (images < sizeLimits.small || perClass < sizeLimits.smallPerClass) return 'small';
  return images < sizeLimits.large || perClass < sizeLimits.largePerClass ? 'medium' : 'large';
}

/** What a linear classifier on pretrained codes came to in cross-validation, at the end of the network and earlier. */
export interface ProbeFigures {
  readonly images: number;
  readonly folds: number;
  /** Share of the largest class: what saying the same of every picture comes to. */
  readonly majority: number;
  /** From the front of the network to its end; the last one is the whole backbone. */
  readonly cuts: readonly { readonly cut: string; readonly accuracy: number }[];
}

/** Of what could be won over always naming the largest class, the share that the codes win: 0 … 1. */
export function separation(probe: ProbeFigures): number {
  const whole = probe.cuts.at(-1)?.accuracy ?? 0;
  return probe.majority >= 1 ? 0 : Math.max(0, (whole - probe.majority) / (1 - probe.majority));
}

/** Codes that win so much of what there is to win know the pictures well; below the lower they hardly do. */
export const separationLimits = { similar: 0.7, different: 0.4 } as const;

/** An earlier cut has to be better by so many standard errors of a difference before it counts. */
const STANDARD_ERRORS = 2;

export function similarityOf(probe: ProbeFigures | null): Similarity {
  if (probe === null) return 'unknown';
  const share = separation(probe);
  if (share < separationLimits.different) return 'different';
  return share < separationLimits.similar || earlierCut(probe) !== null ? 'between' : 'similar';
}

/**
 * The cut before the network's end that separates the classes best, where it does so better than the end beyond doubt;
 * null where there is none. Late layers know the classes of their own training, earlier ones shapes and textures.
 */
export function earlierCut({ cuts, images }: ProbeFigures): string | null {
  const whole = cuts.at(-1)?.accuracy ?? 0;
  const best = cuts.slice(0, -1).reduce<(typeof cuts)[number] | null>((found, cut) => {
    return found !== null && found.accuracy >= cut.accuracy ? found : cut;
  }, null);
  if (best === null) return null;
  const variance = (p: number): number => (p * (1 - p)) / Math.max(1, images);
  const doubt = STANDARD_ERRORS * Math.sqrt(variance(whole) + variance(best.accuracy));
  return best.accuracy - whole > doubt ? best.cut : null;
}
