import { curveEvents, eventSides } from '../../core/summaries/metrics-events.ts';
import { histogramEvents } from '../../core/summaries/histogram-events.ts';
import type { SummaryEvent } from '../../core/summaries/summary.ts';
import type { RunId } from '../../core/ids.ts';
import type { TrainPorts } from '../ports.ts';

export type EventPorts = Pick<TrainPorts, 'store' | 'clock' | 'events'>;

/** The folder of a run that TensorBoard reads: `runs/<runId>/events/`, with a folder a side below it. */
export const eventsPrefix = (runId: RunId): string => `runs/${runId}/events/`;

/**
 * Writes an event file whole, in the place of the one before: storage can't append, and a file that is a function of
 * what the run has logged can't hold a step twice. `part` orders the files of a folder.
 */
export async function putEvents(
  { store, clock, events: encoder }: EventPorts,
  runId: RunId,
  file: { readonly side: keyof typeof eventSides | null; readonly part: number },
  events: readonly SummaryEvent[],
): Promise<void> {
  if (events.length === 0) return;
  const folder = file.side === null ? '' : `${eventSides[file.side]}/`;
  const name = `events.out.tfevents.${String(file.part).padStart(10, '0')}.graft`;
  const bytes = await encoder.encode(events, events[0]?.timeMs ?? clock.nowMs());
  await store.put(`${eventsPrefix(runId)}${folder}${name}`, bytes, { contentType: 'application/octet-stream' });
}

/** What the trainer has logged so far: metrics.jsonl and histograms.jsonl. */
export interface LoggedCurves {
  readonly metrics: string;
  readonly histograms: string;
}

/** The curves of both sides, and histograms of what learns, as they stand. */
export async function putCurves(ports: EventPorts, runId: RunId, { metrics, histograms }: LoggedCurves): Promise<void> {
  const nowMs = ports.clock.nowMs();
  const { train, validation } = curveEvents(metrics, nowMs);
  const all = [...train, ...histogramEvents(histograms, nowMs)].sort((a, b) => a.step - b.step);
  await putEvents(ports, runId, { side: 'train', part: 1 }, all);
  await putEvents(ports, runId, { side: 'validation', part: 1 }, validation);
}
