import type { Dataset } from '../../../contracts/web.ts';
import { ssdAnchorDefaults, ssdShapes } from '../../../core/detection/anchors.ts';
import { fitOf, overlapOfSides } from '../../../core/detection/fit-anchors.ts';
import type { Sides } from '../../../core/detection/fit-anchors.ts';

/** Layers of an SSD as graft has it where nothing else is said. */
const LAYERS = 6;
/** So many boxes, evenly chosen, say as much as a million. */
const MOST = 20_000;
const MATCHED = 0.5;

/** How boxes (in shares of their pictures) fit the anchors of an SSD by default; null where there are no boxes. */
export function anchorFit(all: readonly Sides[]): Dataset['anchorFit'] {
  const boxes = all.length <= MOST ? all : all.filter((_, index) => index % Math.ceil(all.length / MOST) === 0);
  if (boxes.length === 0) return null;
  const shapes = ssdShapes(LAYERS, ssdAnchorDefaults)
    .flat()
    .map(({ scale, aspectRatio }) => ({
      heightPx: scale / Math.sqrt(aspectRatio),
      widthPx: scale * Math.sqrt(aspectRatio),
    }));
  const { counts, meanOverlap } = fitOf(boxes, shapes);
  const missed = boxes.filter((box) => shapes.every((shape) => overlapOfSides(box, shape) < MATCHED)).length;
  return {
    meanOverlap,
    missed: missed / boxes.length,
    shapes: shapes.map(({ heightPx, widthPx }, index) => ({
      ...{ width: widthPx, height: heightPx, share: (counts[index] ?? 0) / boxes.length },
    })),
  };
}
