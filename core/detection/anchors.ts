/** A shape that is laid on every cell of a grid: its scale as a share of the base, and width over height. */
export interface AnchorShape {
  readonly scale: number;
  readonly aspectRatio: number;
}

export interface Grid {
  readonly rows: number;
  readonly columns: number;
}

export interface SsdAnchorOptions {
  readonly minScale: number;
  readonly maxScale: number;
  /** Width over height, in the order of the configuration: it is the order of the predictions. */
  readonly aspectRatios: readonly number[];
  /** Shape of the one more anchor at √(sₖ·sₖ₊₁); 0 for none. */
  readonly interpolatedAspectRatio: number;
  /** The first layer has three anchors only: (.1, 1), (s₀, 2), (s₀, ½). */
  readonly reduceLowestLayer: boolean;
}

/** Of ssd_mobilenet_v1_coco.config and its kin (tensorflow/models research/object_detection/samples/configs). */
export const ssdAnchorDefaults: SsdAnchorOptions = {
  minScale: 0.2,
  maxScale: 0.95,
  aspectRatios: [1, 2, 0.5, 3, 0.3333],
  interpolatedAspectRatio: 1,
  reduceLowestLayer: true,
};

/**
 * The anchor shapes of each layer, from the finest grid to the coarsest (research/object_detection
 * `anchor_generators/multiple_grid_anchor_generator.py`, `create_ssd_anchors`): scales evenly spaced from the least to the
 * largest, and 1 behind the last.
 */
export function ssdShapes(layers: number, options: SsdAnchorOptions): AnchorShape[][] {
  const { minScale, maxScale, aspectRatios, interpolatedAspectRatio, reduceLowestLayer } = options;
  const scaleOf = (layer: number): number =>
    layer >= layers ? 1 : layers === 1 ? minScale : minScale + ((maxScale - minScale) * layer) / (layers - 1);
  return Array.from({ length: layers }, (_, layer) => {
    const scale = scaleOf(layer);
    if (layer === 0 && reduceLowestLayer) {
      return [
        { scale: 0.1, aspectRatio: 1 },
        { scale, aspectRatio: 2 },
        { scale, aspectRatio: 0.5 },
      ];
    }
    const shapes = aspectRatios.map((aspectRatio) => ({ scale, aspectRatio }));
    if (interpolatedAspectRatio <= 0) return shapes;
    return [...shapes, { scale: Math.sqrt(scale * scaleOf(layer + 1)), aspectRatio: interpolatedAspectRatio }];
  });
}

/**
 * SSD’s anchors of all layers, layer by layer; within one, rows of cells, then columns, then shapes (fastest). In shares of
 * the image, not clipped to it. On an image that is not square the shorter side is the measure of both.
 */
export function ssdAnchors(
  image: { readonly heightPx: number; readonly widthPx: number },
  grids: readonly Grid[],
  options: SsdAnchorOptions = ssdAnchorDefaults,
): Float32Array {
  const shorter = Math.min(image.heightPx, image.widthPx);
  const base = { height: shorter / image.heightPx, width: shorter / image.widthPx };
  const layers = ssdShapes(grids.length, options);
  return concatenated(
    grids.map((grid, layer) =>
      tileAnchors(grid, layers[layer] ?? [], {
        base,
        stride: { height: 1 / grid.rows, width: 1 / grid.columns },
        offset: { height: 0.5 / grid.rows, width: 0.5 / grid.columns },
      }),
    ),
  );
}

export interface GridAnchorOptions {
  readonly scales: readonly number[];
  readonly aspectRatios: readonly number[];
  readonly basePx: number;
  readonly stridePx: number;
  /** [height, width] in pixels of each anchor of a cell, in place of scales and aspect ratios. */
  readonly shapes?: readonly (readonly [heightPx: number, widthPx: number])[] | null;
}

/** Of faster_rcnn_resnet50_coco.config and its kin. */
export const gridAnchorDefaults: GridAnchorOptions = {
  scales: [0.25, 0.5, 1, 2],
  aspectRatios: [0.5, 1, 2],
  basePx: 256,
  stridePx: 16,
};

/**
 * The region proposal network’s anchors in pixels (research/object_detection `anchor_generators/grid_anchor_generator.py`):
 * rows of cells, then columns, then aspect ratios, then scales (fastest); centres at whole strides, not clipped.
 */
export function gridAnchors(grid: Grid, options: GridAnchorOptions = gridAnchorDefaults): Float32Array {
  const { basePx, stridePx } = options;
  const shapes = gridShapes(options);
  const both = (side: number) => ({ height: side, width: side });
  return tileAnchors(grid, shapes, { base: both(basePx), stride: both(stridePx), offset: both(0) });
}

/** The anchors of one cell, in their order. */
export function gridShapes({ scales, aspectRatios, basePx, shapes }: GridAnchorOptions): AnchorShape[] {
  if (shapes) {
    return shapes.map(([height, width]) => ({
      scale: Math.sqrt(height * width) / basePx,
      aspectRatio: width / height,
    }));
  }
  return aspectRatios.flatMap((aspectRatio) => scales.map((scale) => ({ scale, aspectRatio })));
}

interface Sides {
  readonly height: number;
  readonly width: number;
}

/** Where cells lie, and what a scale of 1 is: in the unit that the anchors are to have. */
export interface Tiling {
  readonly base: Sides;
  readonly stride: Sides;
  /** Of the first cell’s centre. */
  readonly offset: Sides;
}

/** height = scale/√ar · base, width = scale·√ar · base, around the centre of every cell; shapes fastest, then columns. */
export function tileAnchors(
  { rows, columns }: Grid,
  shapes: readonly AnchorShape[],
  { base, stride, offset }: Tiling,
): Float32Array {
  const halves = shapes.map(({ scale, aspectRatio }) => {
    const root = Math.sqrt(aspectRatio);
    return { height: (scale / root) * base.height * 0.5, width: scale * root * base.width * 0.5 };
  });
  const anchors = new Float32Array(rows * columns * shapes.length * 4);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    const y = row * stride.height + offset.height;
    for (let column = 0; column < columns; column++) {
      const x = column * stride.width + offset.width;
      for (const { height, width } of halves) {
        anchors.set([y - height, x - width, y + height, x + width], at);
        at += 4;
      }
    }
  }
  return anchors;
}

function concatenated(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
