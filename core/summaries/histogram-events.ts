import type { Histogram } from './histogram.ts';
import { jsonLines } from './json-lines.ts';
import type { Summary, SummaryEvent } from './summary.ts';

/** Turns the lines of a run's histograms.jsonl into events: a histogram a tensor, tagged with the tensor's name. */
export function histogramEvents(text: string, fallbackMs: number): SummaryEvent[] {
  const events: SummaryEvent[] = [];
  for (const line of jsonLines(text)) {
    const { step, timeMs, histograms } = line;
    if (typeof step !== 'number' || typeof histograms !== 'object' || histograms === null) continue;
    const summaries = Object.entries(histograms).flatMap(([tag, value]): Summary[] => {
      const histogram = histogramFrom(value);
      return histogram === null ? [] : [{ kind: 'histogram', tag, histogram }];
    });
    events.push({ step, timeMs: typeof timeMs === 'number' ? timeMs : fallbackMs, summaries });
  }
  return events;
}

function histogramFrom(value: unknown): Histogram | null {
  if (typeof value !== 'object' || value === null || !('min' in value && 'max' in value && 'counts' in value))
    return null;
  const { min, max, counts } = value;
  if (typeof min !== 'number' || typeof max !== 'number' || !Array.isArray(counts)) return null;
  return { min, max, counts: counts.map(Number) };
}
