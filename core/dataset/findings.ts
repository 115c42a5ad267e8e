import type { KeptAspect, Resizing } from './framing.ts';
import { someOf } from './names.ts';
import type { DatasetStatistics } from './statistics.ts';

/** Something that a person should know before training; it fails nothing. */
export interface DatasetFinding {
  readonly level: 'info' | 'warning';
  readonly code: string;
  readonly message: string;
}

export interface FindingsContext {
  readonly target: {
    readonly heightPx: number;
    readonly widthPx: number;
    readonly keepAspect?: KeptAspect | undefined;
  };
  readonly resize: Resizing;
  readonly quarantined: number;
  readonly grouped: boolean;
}

/** The largest class may have this many times the images of the smallest before it is worth a word. */
const IMBALANCE = 5;
/** Fewer images than this leave one or two for the test. */
const TINY_CLASS = 20;

/** What the statistics say that is worth a word, most important first. */
export function datasetFindings(stats: DatasetStatistics, context: FindingsContext): DatasetFinding[] {
  return [
    ...quarantineFinding(stats, context),
    ...contentFindings(stats),
    ...classFindings(stats),
    ...groupFindings(stats, context),
    ...pictureFindings(stats, context),
  ];
}

function quarantineFinding({ images }: DatasetStatistics, { quarantined }: FindingsContext): DatasetFinding[] {
  if (quarantined === 0) return [];
  return [warning('QUARANTINED', `${quarantined} of ${images + quarantined} files could not be read and are left out`)];
}

function contentFindings(stats: DatasetStatistics): DatasetFinding[] {
  const found: DatasetFinding[] = [];
  const [conflict] = stats.examplesOfConflicts;
  if (conflict !== undefined) {
    const example = `${someOf(conflict.paths, 2)} (${someOf(conflict.labels)})`;
    found.push(warning('LABEL_CONFLICT', `${plural(stats.conflicts, 'picture')} with more than one label: ${example}`));
  }
  const [copy] = stats.examplesOfCopies;
  if (copy !== undefined) {
    const example = someOf(copy.paths, 2);
    const message = `${plural(stats.copies, 'exact copy', 'exact copies')} of other pictures: ${example}`;
    found.push({ level: 'info', code: 'DUPLICATES', message: `${message}; copies stay on one side of the split` });
  }
  return found;
}

function classFindings({ perClass }: DatasetStatistics): DatasetFinding[] {
  const found: DatasetFinding[] = [];
  const counts = Object.entries(perClass);
  const tiny = counts.filter(([, images]) => images < TINY_CLASS).map(([label, images]) => `${label} (${images})`);
  if (tiny.length > 0) {
    found.push(warning('CLASS_TINY', `classes with fewer than ${TINY_CLASS} images: ${someOf(tiny, 5)}`));
  }
  const [smallest] = [...counts].sort((a, b) => a[1] - b[1]);
  const [largest] = [...counts].sort((a, b) => b[1] - a[1]);
  if (smallest !== undefined && largest !== undefined && largest[1] > IMBALANCE * smallest[1]) {
    const seen = `${largest[0]} has ${largest[1]} images and ${smallest[0]} ${smallest[1]}`;
    found.push(warning('CLASS_IMBALANCE', `${seen}: look at macro-F1 and the figures of each class, not at accuracy`));
  }
  return found;
}

function groupFindings(stats: DatasetStatistics, { grouped }: FindingsContext): DatasetFinding[] {
  if (!grouped || stats.withoutGroup === 0) return [];
  const message = `groupBy matches no group in ${plural(stats.withoutGroup, 'path')}; each of these stands for itself`;
  return [warning('GROUP_UNMATCHED', message)];
}

function pictureFindings(stats: DatasetStatistics, { target, resize }: FindingsContext): DatasetFinding[] {
  const found: DatasetFinding[] = [];
  const size = `${target.heightPx}×${target.widthPx}`;
  if (stats.smallerThanTarget > 0) {
    const message = `${stats.smallerThanTarget} of ${stats.images} images are smaller than ${size} and get enlarged`;
    found.push({ level: 'info', code: 'IMAGE_SMALL', message });
  }
  if (stats.gray > 0 && stats.gray < stats.images) {
    const message = `${stats.gray} of ${stats.images} images are gray, the others in colour`;
    found.push(warning('IMAGE_CHANNELS', `${message}: make sure that this does not tell the classes apart`));
  }
  if (stats.withAlpha > 0) {
    const message = `${plural(stats.withAlpha, 'image has', 'images have')} transparency, which becomes black`;
    found.push({ level: 'info', code: 'IMAGE_ALPHA', message });
  }
  const wide = stats.width.mean / Math.max(1, stats.height.mean) / (target.widthPx / target.heightPx);
  if (resize === 'stretch' && (wide > 2 || wide < 0.5)) {
    const means = `${stats.height.mean}×${stats.width.mean} on average (height × width)`;
    found.push({ level: 'info', code: 'IMAGE_ASPECT', message: `images of ${means} are stretched to ${size}` });
  }
  return found;
}

const warning = (code: string, message: string): DatasetFinding => ({ level: 'warning', code, message });

function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
