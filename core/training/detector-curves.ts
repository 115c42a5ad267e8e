import { overfitting, rolledBack } from './curves.ts';
import type { CurveFinding, CurveInput } from './curves.ts';
import { explainLoss, lossGuidance } from './loss-guidance.ts';
import type { GuidedArchitecture } from './loss-guidance.ts';
import { median } from './stop-rules.ts';

export interface DetectorCurveInput extends CurveInput {
  readonly kind: 'ssd' | 'faster-rcnn';
  /** Epochs from one mAP to the next. */
  readonly everyEpochs: number;
  /** The last mAP, with its interval; null before the first. */
  readonly last: { readonly low50: number | null; readonly high50: number | null } | null;
}

/** What a person should hear of a detector's curves: core/training/curves.ts of a classifier's. */
export function detectorFindings(input: DetectorCurveInput): CurveFinding[] {
  const found = [rolledBack(input), mapStability(input), overfitting(input), guidance(input)];
  return found.flatMap((finding) => (finding ? [finding] : []));
}

/** Fewer have no trend. */
const MIN_MAPS = 5;
/** mAPs that are looked at: the newest. */
const WINDOW = 12;
const SMALL_SWING = 0.02;

/** mAP at IoU .5 after the epochs that have one, oldest first. */
export function mapsOf({ history, epoch, everyEpochs }: Pick<DetectorCurveInput, 'history' | 'epoch' | 'everyEpochs'>) {
  const first = epoch - history.length + 1;
  return history.flatMap(({ validationAccuracy }, index) =>
    (first + index) % everyEpochs === 0 || first + index === epoch ? [validationAccuracy] : [],
  );
}

/** The median of the last so many, the newest among them. */
export const movingMedian = (maps: readonly number[], medianOf: number): number => median(maps.slice(-medianOf));

/**
 * Whether the last mAPs say anything: their swing from one to the next (the median of |Δ|) against how far the medians of
 * both halves lie apart, and against half the bootstrap interval, which is what so few validation images must show.
 */
export function mapStability(input: DetectorCurveInput): CurveFinding | null {
  const maps = mapsOf(input).slice(-WINDOW);
  if (maps.length < MIN_MAPS) return null;
  const swing = median(maps.slice(1).map((value, index) => Math.abs(value - (maps[index] ?? value))));
  const half = maps.length >> 1;
  const trend = median(maps.slice(half)) - median(maps.slice(0, half));
  const { low50 = null, high50 = null } = input.last ?? {};
  const noise = low50 === null || high50 === null ? null : (high50 - low50) / 2;
  const level = `mAP@.5 has a moving median of ${figure(movingMedian(maps, MIN_MAPS))}`;
  if (swing <= SMALL_SWING || swing <= Math.abs(trend)) {
    const verdict =
      trend > SMALL_SWING ? `still rises (by ${figure(trend)} over the last ${maps.length})` : 'is steady';
    return { level: 'info', code: 'MAP_STABLE', message: `${level} and ${verdict}: epoch ${input.bestEpoch} is kept` };
  }
  const cause =
    noise !== null && swing <= noise
      ? `that is within the ± ${figure(noise)} that ${input.validationRows} validation images can tell: hold out more of them, or look at the median`
      : 'lower the learning rate, raise the batch size, or average the weights (train.averageDecay)';
  return {
    level: 'warning',
    code: 'MAP_UNSTABLE',
    message: `${level} but swings by ${figure(swing)} from one to the next: ${cause}; epoch ${input.bestEpoch} is kept`,
  };
}

const guides = { ssd: 'ssd-mobilenet', 'faster-rcnn': 'faster-rcnn' } as const satisfies Record<
  DetectorCurveInput['kind'],
  GuidedArchitecture
>;
/** Epochs whose median loss is judged. */
const LOSSES = 3;

/** What the training loss says for this kind of detector. */
function guidance({ history, kind }: DetectorCurveInput): CurveFinding | null {
  if (history.length === 0) return null;
  const architecture = guides[kind];
  const loss = Number(median(history.slice(-LOSSES).map(({ trainLoss }) => trainLoss)).toPrecision(3));
  const { until } = lossGuidance[architecture];
  const rule = loss > until ? `; as a rule: train.stopWhen: { loss: { below: ${until}, for: 500 } }` : '';
  return { level: 'info', code: 'LOSS_LEVEL', message: `the training loss ${explainLoss(architecture, loss)}${rule}` };
}

const figure = (value: number): string => value.toFixed(3);
