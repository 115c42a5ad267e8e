import { jsonLines } from './json-lines.ts';
import type { Summary, SummaryEvent } from './summary.ts';

/** The curves of a training as TensorBoard shows them: one chart for both sides where they share a tag. */
export interface CurveEvents {
  readonly train: SummaryEvent[];
  readonly validation: SummaryEvent[];
}

/** Folders below a run's `events/`; TensorBoard lists each as a run of its own, and overlays them. */
export const eventSides = { train: 'train', validation: 'validation', test: 'test' } as const;

/** Tags, by what they hold. */
export const tags = {
  stepLoss: 'loss/step',
  learningRate: 'learning rate',
  epochLoss: 'loss/epoch',
  epochAccuracy: 'accuracy/epoch',
  /** Of detectors. */
  map: 'mAP',
  map50: 'mAP at IoU .5',
  medianMap50: 'mAP at IoU .5, moving median',
} as const;

/**
 * Turns the lines of a run's metrics.jsonl into events, in their order. A pure function of the file: whoever resumes a
 * run continues the file without gap or double, and so are its events. Lines that are not whole or not known are passed
 * over; lines of an older graft without a time get `fallbackMs`.
 */
export function curveEvents(text: string, fallbackMs: number): CurveEvents {
  const events: CurveEvents = { train: [], validation: [] };
  for (const line of jsonLines(text)) {
    const number = (key: string): number | null => (typeof line[key] === 'number' ? line[key] : null);
    const step = number('step');
    if (step === null) continue;
    const at = { step, timeMs: number('timeMs') ?? fallbackMs };
    if (line['kind'] === 'step') {
      add(events.train, at, [
        [tags.stepLoss, number('loss')],
        [tags.learningRate, number('learningRate')],
        ...partsOf(line['losses']),
      ]);
    } else if (line['kind'] === 'epoch' && isMap(line['detection'])) {
      const { losses, evaluated, mAP, mAP50, median50 } = line['detection'];
      add(events.train, at, [[tags.epochLoss, number('trainLoss')]]);
      const maps = [
        [tags.map, mAP],
        [tags.map50, mAP50],
        [tags.medianMap50, median50],
      ] as const;
      add(events.validation, at, [
        [tags.epochLoss, number('validationLoss')],
        ...partsOf(losses),
        ...(evaluated === true
          ? maps.flatMap(([tag, value]) => (typeof value === 'number' ? [[tag, value] as const] : []))
          : []),
      ]);
    } else if (line['kind'] === 'epoch') {
      add(events.train, at, [
        [tags.epochLoss, number('trainLoss')],
        [tags.epochAccuracy, number('trainAccuracy')],
      ]);
      add(events.validation, at, [
        [tags.epochLoss, number('validationLoss')],
        [tags.epochAccuracy, number('validationAccuracy')],
      ]);
    }
  }
  return events;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a loss is made of, each a chart of its own. */
function partsOf(losses: unknown): (readonly [string, number])[] {
  if (!isMap(losses)) return [];
  return Object.entries(losses).flatMap(([name, value]) =>
    typeof value === 'number' ? [[`loss/${name}`, value] as const] : [],
  );
}

function add(
  to: SummaryEvent[],
  at: { readonly step: number; readonly timeMs: number },
  values: readonly (readonly [string, number | null])[],
): void {
  const summaries: Summary[] = [];
  for (const [tag, value] of values) if (value !== null) summaries.push({ kind: 'scalar', tag, value });
  if (summaries.length > 0) to.push({ ...at, summaries });
}
