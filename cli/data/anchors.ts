import { Command, InvalidArgumentError } from 'commander';
import { fitAnchors, fitOf } from '../../core/detection/fit-anchors.ts';
import type { Sides } from '../../core/detection/fit-anchors.ts';
import { gridAnchorDefaults, gridShapes } from '../../core/detection/anchors.ts';
import { boxInFrame, placementOf } from '../../core/dataset/framing.ts';
import type { Framing } from '../../core/dataset/framing.ts';
import { inputError } from '../../core/errors.ts';
import { readLocalData, targetOf } from '../lib/local-data.ts';
import type { LocalItem } from '../lib/local-data.ts';
import { outputOf, withCommonOptions } from '../output.ts';

const HELP = `
Anchors fitted to the boxes of a data set: k-means on their overlap, at the size that pictures are trained at. They go into
model.detector.anchors.shapes of Faster R-CNN; the overlap beside them says what more anchors would gain.

Examples:
  graft data anchors graft.yaml
  graft data anchors ./pets --size 300x300 --count 6`;

interface AnchorsOptions {
  readonly count: number;
  readonly size?: { readonly heightPx: number; readonly widthPx: number };
  readonly seed: number;
}

/** More boxes say nothing new; they are taken at even distances. */
const MOST_BOXES = 20_000;

/** `graft data anchors PATH`. */
export function anchorsCommand(): Command {
  const command = withCommonOptions(
    new Command('anchors')
      .description('Fit anchors to the boxes of a data set.')
      .argument('<source>', 'a data set, or a graft.yaml')
      .option('--count <count>', 'so many anchors', positive, 9)
      .option('--size <HxW>', 'height and width that pictures are trained at; those of graft.yaml where absent', size)
      .option('--seed <seed>', 'of the beginnings', natural, 1)
      .addHelpText('after', HELP),
  );
  return command.action(async (source: string, { count, size: given, seed }: AnchorsOptions) => {
    const output = outputOf(command);
    const data = await readLocalData(await targetOf(source), output);
    const frame = given ? { ...given, resize: data.target.frame.resize } : data.target.frame;
    const boxes = thinned(sidesOf(data.items, frame));
    if (boxes.length === 0) {
      const remedy = 'name a data set with boxes, and its format in dataset.format';
      throw inputError('ANCHORS_NO_BOXES', source, 'no boxes with an area', 'boxes to fit anchors to', remedy);
    }
    const fitted = fitAnchors(boxes, count, seed);
    const shapes = fitted.shapes.map(({ heightPx, widthPx }) => [round(heightPx), round(widthPx)] as const);
    const rows = shapes.map(([height, width], i) => [height, width, round(width / height, 2), fitted.counts[i] ?? 0]);
    output.table(['height', 'width', 'width / height', 'boxes'], rows);
    const few = Array.from({ length: count }, (_, i) => fitAnchors(boxes, i + 1, seed).meanOverlap);
    output.say(
      `mean overlap ${percent(fitted.meanOverlap)} at ${frame.heightPx} × ${frame.widthPx} pixels; with 1 … ${count}: ${few.map(percent).join(', ')}`,
    );
    const published = fitOf(boxes, publishedShapes()).meanOverlap;
    output.say(`the twelve published ones of Faster R-CNN: ${percent(published)}`);
    output.say(`model.detector.anchors.shapes: ${JSON.stringify(shapes)}`);
    output.result({
      ...{
        heightPx: frame.heightPx,
        widthPx: frame.widthPx,
        boxes: boxes.length,
        shapes: shapes.map((each) => [...each]),
      },
      ...{ counts: [...fitted.counts], meanOverlap: fitted.meanOverlap, byCount: few, published },
    });
  });
}

/** Sides of all boxes as the network sees them. */
function sidesOf(items: readonly LocalItem[], frame: Framing): Sides[] {
  return items.flatMap(({ boxes = [], width, height }) => {
    const placement = placementOf(frame, width, height);
    return boxes
      .map((box) => boxInFrame(box, placement))
      .map(({ yMin, yMax, xMin, xMax }) => ({ heightPx: yMax - yMin, widthPx: xMax - xMin }))
      .filter(({ heightPx, widthPx }) => heightPx > 0 && widthPx > 0);
  });
}

const thinned = (boxes: readonly Sides[]): Sides[] => {
  const step = Math.max(1, Math.ceil(boxes.length / MOST_BOXES));
  return boxes.filter((_, index) => index % step === 0);
};

function publishedShapes(): Sides[] {
  const { basePx } = gridAnchorDefaults;
  return gridShapes(gridAnchorDefaults).map(({ scale, aspectRatio }) => ({
    heightPx: (scale * basePx) / Math.sqrt(aspectRatio),
    widthPx: scale * basePx * Math.sqrt(aspectRatio),
  }));
}

const round = (value: number, digits = 1): number => Number(value.toFixed(digits));
const percent = (share: number): string => `${round(100 * share)} %`;

function positive(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) < 1 || Number(text) > 64) throw new InvalidArgumentError('1 to 64');
  return Number(text);
}

function natural(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number');
  return Number(text);
}

function size(text: string): { heightPx: number; widthPx: number } {
  const found = /^(\d{2,4})x(\d{2,4})$/.exec(text);
  if (!found) throw new InvalidArgumentError('height and width in pixels, as in 300x300');
  return { heightPx: Number(found[1]), widthPx: Number(found[2]) };
}
