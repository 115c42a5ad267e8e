/**
 * Loss levels that people report for detectors, and what they train to: tensorflow/models object_detection with its own
 * configurations. A loss of one preset says nothing about another's: they add up different parts.
 */
export interface LossGuidance {
  /** Where it begins, about. */
  readonly start: number;
  /** It should soon be below this. */
  readonly soon: number;
  /** Train until it stays below this. */
  readonly until: number;
  /** As good as it gets, for most. */
  readonly ideal: number;
}

export const lossGuidance = {
  'ssd-mobilenet': { start: 20, soon: 5, until: 2, ideal: 1 },
  'faster-rcnn': { start: 3, soon: 0.8, until: 0.05, ideal: 0.05 },
} as const satisfies Record<string, LossGuidance>;

export type GuidedArchitecture = keyof typeof lossGuidance;

/** What a loss means for this architecture, in a sentence. `loss` is the median of the last steps or epochs. */
export function explainLoss(architecture: GuidedArchitecture, loss: number): string {
  const { start, soon, until, ideal } = lossGuidance[architecture];
  const scale = `${architecture} starts near ${start} and is trained until it stays below ${until}`;
  if (!Number.isFinite(loss)) return `${loss} is no loss: ${scale}; lower the learning rate`;
  if (loss > start) return `${loss} is above where it starts: ${scale}; lower the learning rate and check the boxes`;
  if (loss > soon) return `${loss} is early: ${scale}`;
  if (loss > until)
    return `${loss} is on its way: ${scale}; if it has not moved for long, try another rate, augmentation or more varied data`;
  if (loss > ideal)
    return `${loss} is where most stop: ${scale}, ideally ${ideal}; the evaluation decides from here on`;
  return `${loss} is as low as it needs to be: ${scale}; look at the evaluation, not at the loss`;
}
