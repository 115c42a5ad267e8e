/** When a tick of a schedule trains. */
export type Trigger =
  | { readonly kind: 'always' }
  | { readonly kind: 'changed' }
  | { readonly kind: 'threshold'; readonly newImages: number | null; readonly drift: number | null };

/** What a training hangs on. */
export interface Fingerprint {
  readonly datasetVersion: string;
  readonly configSha256: string;
}

/** How a data set differs from the one that was trained on. */
export interface DatasetChange {
  readonly newImages: number;
  /** Of the new images against those that were trained on, 0 to 1; null where they are too few to tell. */
  readonly drift: number | null;
}

export interface Decision {
  readonly decision: 'train' | 'skip';
  readonly reason: string;
}

/**
 * Whether a tick trains. A first tick and a changed configuration always do; the same data and configuration as last
 * time never do, but for `always`. New data trains under `changed`, and under `threshold` as soon as one of the limits
 * that are set is reached: changes add up from one training to the next, not from one tick to the next.
 */
export function decide(
  trigger: Trigger,
  now: Fingerprint,
  last: (Fingerprint & { readonly runId: string }) | null,
  change: DatasetChange | null,
): Decision {
  if (trigger.kind === 'always') return train('every tick trains');
  if (last === null) return train('the first training of this schedule');
  if (last.configSha256 !== now.configSha256) return train(`the configuration changed since run ${last.runId}`);
  if (last.datasetVersion === now.datasetVersion) {
    return skip(`nothing changed since run ${last.runId}: the same data and configuration`);
  }
  if (change === null) throw new Error('another data set, and no comparison with it');
  const seen = describe(change);
  if (trigger.kind === 'changed') return train(`the data changed since run ${last.runId}: ${seen}`);
  const enough = trigger.newImages !== null && change.newImages >= trigger.newImages;
  const drifted = trigger.drift !== null && change.drift !== null && change.drift >= trigger.drift;
  if (enough || drifted) return train(`${seen} since run ${last.runId}`);
  const limits = [
    ...(trigger.newImages === null ? [] : [`${trigger.newImages} new images`]),
    ...(trigger.drift === null ? [] : [`a drift of ${trigger.drift}`]),
  ];
  return skip(`${seen} since run ${last.runId}: less than ${limits.join(' or ')}`);
}

const train = (reason: string): Decision => ({ decision: 'train', reason });
const skip = (reason: string): Decision => ({ decision: 'skip', reason });

function describe({ newImages, drift }: DatasetChange): string {
  const images = `${newImages} new ${newImages === 1 ? 'image' : 'images'}`;
  return drift === null ? images : `${images}, drift ${drift.toFixed(3)}`;
}
