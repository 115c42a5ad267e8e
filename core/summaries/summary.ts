import type { Histogram } from './histogram.ts';
import type { HparamDimension, HparamValue } from './hparams.ts';
import type { PrCurve } from './pr-curve.ts';

/** A picture to be shown: uint8, row-major [height, width, channels]. */
export interface Picture {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly channels: 1 | 3;
  readonly pixels: Uint8Array;
}

/** How a session of TensorBoard's HParams ended. */
export type SessionStatus = 'success' | 'failure' | 'running';

/** A metric as the HParams table finds it: a scalar's tag in a folder below the session's own. */
export interface MetricColumn {
  readonly group: string;
  readonly tag: string;
  readonly displayName: string;
  readonly side: 'training' | 'validation' | 'other';
}

/** One thing that TensorBoard shows; the encoder (infra/tensorboard) knows how each is written. */
export type Summary =
  | { readonly kind: 'scalar'; readonly tag: string; readonly value: number }
  | { readonly kind: 'histogram'; readonly tag: string; readonly histogram: Histogram }
  | { readonly kind: 'image'; readonly tag: string; readonly pictures: readonly Picture[]; readonly about?: string }
  /** Markdown. */
  | { readonly kind: 'text'; readonly tag: string; readonly text: string }
  | { readonly kind: 'pr-curve'; readonly tag: string; readonly curve: PrCurve }
  | {
      readonly kind: 'hparams-experiment';
      readonly createdMs: number;
      readonly description: string;
      readonly hparams: readonly HparamDimension[];
      readonly metrics: readonly MetricColumn[];
    }
  | {
      readonly kind: 'hparams-start';
      /** Sessions of one group are repetitions of the same values. */
      readonly group: string;
      readonly startedMs: number;
      readonly values: Readonly<Record<string, HparamValue>>;
    }
  | { readonly kind: 'hparams-end'; readonly status: SessionStatus; readonly endedMs: number };

/** What one moment of a run has to show. */
export interface SummaryEvent {
  readonly step: number;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly summaries: readonly Summary[];
}
