/** What the frozen prefix cost and was spared; the contract FrozenFigures is one. */
export interface FrozenPasses {
  readonly images: number;
  readonly variants: number | null;
  readonly computed: number;
  readonly seconds: number;
  readonly reused: number;
  readonly reusedFrom: string | null;
  readonly passes: number;
  readonly passesSaved: number;
  readonly secondsSaved: number;
}

/** What is known when the training begins. `reusedSeconds`: what those that are reused took where they were computed. */
export type KeptCodes = Omit<FrozenPasses, 'passes' | 'passesSaved' | 'secondsSaved'> & {
  readonly reusedSeconds: number;
};

/** Without what is kept every image would go through the prefix in every epoch. */
export function frozenFigures({ reusedSeconds, ...kept }: KeptCodes, epochs: number): FrozenPasses {
  const { images, computed, seconds, reused } = kept;
  const passes = images * epochs;
  const passesSaved = Math.max(0, passes - computed);
  const secondsEach = (seconds + reusedSeconds) / Math.max(1, computed + reused);
  return { ...kept, passes, passesSaved, secondsSaved: passesSaved * secondsEach };
}

/** One line for people. */
export function frozenLine(figures: FrozenPasses): string {
  const { images, variants, computed, seconds, reused, reusedFrom, passes, passesSaved, secondsSaved } = figures;
  const draws = variants === null ? 'once' : `in ${count(variants)} ${variants === 1 ? 'variant' : 'variants'}`;
  const from = `reused from ${reusedFrom === null ? 'another training' : `run ${reusedFrom}`}`;
  const done = [
    ...(computed > 0 && reused === 0 ? [`${count(images)} images ${draws} (${duration(seconds)})`] : []),
    ...(computed > 0 && reused > 0 ? [`${count(computed)} passes (${duration(seconds)})`] : []),
    ...(reused > 0 ? [`codes of ${count(computed > 0 ? reused : images)} images ${from}`] : []),
  ].join(', ');
  const saved = passesSaved > 0 && secondsSaved > 0 ? `, saved about ${duration(secondsSaved)}` : '';
  return `frozen trunk: ${done} instead of ${count(passes)} passes${saved}`;
}

const count = (value: number): string => value.toLocaleString('en-GB');

function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 600) return `${count(Math.round(seconds))} s`;
  return seconds < 36_000 ? `${count(Math.round(seconds / 60))} min` : `${count(Math.round(seconds / 3600))} h`;
}
