import type { AttributeFigures } from '../metrics/detection/by-attribute.ts';
import type { JudgedPicture } from '../metrics/detection/judged-pictures.ts';
import type { SliceFigure } from '../promotion/slices.ts';
import type { ChartLine } from './line-chart.ts';

/** Everything a report tells of a run, from whatever keeps it; what is not known is null. */
export interface RunStory {
  readonly runId: string;
  readonly name: string;
  readonly status: string;
  readonly createdAt: string | null;
  readonly requestedBy: string | null;
  readonly graftVersion: string;
  readonly metrics: Readonly<Record<string, number | undefined>> | null;
  readonly dataset: {
    readonly name: string;
    readonly version: string;
    readonly images: number;
    readonly classes: readonly string[];
  } | null;
  readonly model: {
    readonly name: string;
    readonly version: number | null;
    readonly promoted: boolean;
    readonly alias: string;
  } | null;
  readonly stages: readonly {
    readonly name: string;
    readonly cached: boolean;
    readonly seconds: number;
    readonly summary: string;
  }[];
  readonly gate: readonly { readonly rule: string; readonly passed: boolean; readonly explanation: string }[];
  readonly findings: readonly { readonly level: string; readonly code: string; readonly message: string }[];
  readonly training: {
    readonly epochs: number;
    readonly bestEpoch: number;
    readonly steps: number;
    readonly backbone: string;
    readonly strategy: string;
  } | null;
  readonly curves: {
    readonly loss: readonly ChartLine[];
    /** A detector’s losses one by one, on the validation side. */
    readonly parts: readonly ChartLine[];
    readonly accuracy: readonly ChartLine[];
    /** Of a detector: mAP on the validation side, with its median and its interval. */
    readonly mAP: readonly ChartLine[];
    readonly rate: readonly ChartLine[];
  };
  readonly evaluation: EvaluationStory | null;
  readonly slices: SlicesStory | null;
  readonly champion: {
    readonly version: number;
    readonly metrics: Readonly<Record<string, number | undefined>> | null;
  } | null;
  readonly worst: readonly WorstItem[];
  /** What was foretold, and what came: `training seconds`. */
  readonly plan: readonly { readonly what: string; readonly planned: number; readonly actual: number | null }[];
  /** The configuration, as JSON. */
  readonly config: string;
}

export interface EvaluationStory {
  readonly classes: readonly string[];
  readonly perClass: readonly {
    readonly label: string;
    readonly support: number;
    readonly precision: number;
    readonly recall: number;
    readonly f1: number;
  }[];
  /** Row: the true class; column: the predicted one. */
  readonly confusion: readonly (readonly number[])[];
}

/** A classifier’s by the gate’s expression over the paths; a detector’s by what is known of its pictures. */
export type SlicesStory =
  | { readonly kind: 'paths'; readonly by: string; readonly figures: readonly SliceFigure[] }
  | { readonly kind: 'attributes'; readonly figures: readonly AttributeFigures[] };

/** A classifier’s mistake, or a picture with what a detector found, mistook and missed in it. */
export type WorstItem = WorstClass | WorstBoxes;

interface WorstClass {
  readonly kind: 'class';
  readonly path: string;
  readonly truth: string;
  readonly predicted: string;
  readonly score: number;
  /** A `data:` URL; null where the picture is too large to carry along. */
  readonly picture: string | null;
}

interface WorstBoxes {
  readonly kind: 'boxes';
  readonly frame: JudgedPicture;
  readonly picture: string | null;
}

/** Pairs of classes that are taken for one another, the most often first. */
export function confusedPairs({ classes, confusion }: EvaluationStory, most: number) {
  return confusion
    .flatMap((row, truth) =>
      row.map((count, given) => ({
        truth: classes[truth] ?? '',
        given: classes[given] ?? '',
        count,
        same: truth === given,
      })),
    )
    .filter(({ count, same }) => count > 0 && !same)
    .sort((a, b) => b.count - a.count)
    .slice(0, most);
}

export const figure = (value: number | null | undefined): string =>
  value == null ? '–' : String(Number(value.toPrecision(4)));

export function spent(seconds: number): string {
  if (seconds < 60) return `${Number(seconds.toFixed(1))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** What became of it, in a sentence. */
export function outcome({ status, model }: RunStory): string {
  if (status !== 'completed' || !model) return `The run is ${status}.`;
  const version = `${model.name} version ${model.version ?? '–'}`;
  return model.promoted
    ? `Promoted: ${version} is ${model.alias}.`
    : `Not promoted: ${version} is kept, ${model.alias} stays.`;
}
