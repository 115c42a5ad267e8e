interface Expected {
  readonly seconds: { readonly low: number; readonly expected: number; readonly high: number };
}

interface Stage {
  readonly name: string;
  readonly cached: boolean;
  readonly seconds: number;
}

/** An estimate beside what the training took; without that where it was found done, or there was none. */
export function settledEstimate<T extends Expected>(
  estimate: T,
  stages: readonly Stage[],
): T & { actualSeconds: number | null; ratio: number | null } {
  const trained = stages.find(({ name }) => name === 'train');
  const actualSeconds = trained && !trained.cached ? trained.seconds : null;
  const { expected } = estimate.seconds;
  return {
    ...estimate,
    actualSeconds,
    ratio: actualSeconds === null || expected <= 0 ? null : actualSeconds / expected,
  };
}
