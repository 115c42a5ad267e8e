import { planOf } from './coefficients.ts';
import type { Axis, Plan } from './coefficients.ts';
import { COLUMNS, LANES, UNROLLED, VECTOR_BYTES } from './kernel.ts';

/** Of the cache, and of the longest register. */
const LINE_BYTES = 64;
/** Columns that the native resampler writes at once. */
const NATIVE_COLUMNS = 16;
/** Of the native resampler's values on the way. */
const VALUE_BYTES = 2;

export type Channels = 1 | 3;

/** A JPEG has one sample of Cb and of Cr for so many pixels. */
export interface Sampling {
  readonly across: 1 | 2;
  readonly down: 1 | 2;
}

/** What is resampled into what. */
export interface Resampling {
  readonly height: Axis;
  readonly width: Axis;
  readonly channels: Channels;
}

/** Columns of a row from a pixel's channel to its next, and from a pixel to the next. */
interface Steps {
  readonly channel: number;
  readonly pixel: number;
}

/** Where things lie in the memory of the kernels, for one shape of picture. */
export interface Layout {
  readonly source: number;
  readonly rowBytes: number;
  readonly steps: Steps;
  readonly rows: Plan;
  readonly columns: Plan;
  readonly rowsAt: number;
  readonly columnsAt: number;
  readonly summed: number;
  readonly turned: number;
  readonly wide: number;
  readonly result: number;
  /** Of a row of the result, rounded up to whole vectors. */
  readonly resultRowBytes: number;
  /** Of a JPEG's own samples; null for pixels. */
  readonly planes: PlanesLayout | null;
  readonly end: number;
}

/** Y, Cb and Cr; the source then holds no more rows than are needed at a time. */
interface PlanesLayout {
  readonly luma: number;
  readonly chroma: readonly [number, number];
  readonly lumaBytes: number;
  readonly chromaBytes: number;
  readonly sampling: Sampling;
  readonly sums: readonly [number, number];
}

const roundedUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** Hands out places one behind the other. */
class Places {
  end = 0;

  readonly of = (bytes: number): number => {
    const at = this.end;
    this.end = roundedUp(at + bytes, LINE_BYTES);
    return at;
  };
}

/** For pixels; `nativeRows` of the result at once are the native resampler's, null is WebAssembly. */
export function layoutOf({ height, width, channels }: Resampling, nativeRows: number | null): Layout {
  const rowBytes = width.fromPx * channels;
  const places = new Places();
  // Taps come in fours and columns in dozens: what is read behind the picture weighs nothing.
  const source = places.of((height.fromPx + UNROLLED) * rowBytes + LINE_BYTES);
  const steps = { channel: 1, pixel: channels };
  const passes = passesOf(places, { height, width, channels }, { rowBytes, steps, nativeRows });
  return { ...passes, source, planes: null, end: places.end };
}

/** For a JPEG's planes, which the native resampler turns into rows of red, green and blue. */
export function jpegLayoutOf(
  { height, width }: Omit<Resampling, 'channels'>,
  sampling: Sampling,
  nativeRows: number,
): Layout {
  const colourBytes = roundedUp(width.fromPx, LINE_BYTES);
  const rowBytes = 3 * colourBytes;
  const places = new Places();
  const steps = { channel: colourBytes, pixel: 1 };
  const passes = passesOf(places, { height, width, channels: 3 }, { rowBytes, steps, nativeRows });
  const rowsApart = Math.ceil((nativeRows - 1) * height.factor) + 2;
  const source = places.of(Math.min(height.fromPx + UNROLLED, rowsApart + passes.rows.taps) * rowBytes + LINE_BYTES);
  const chromaWidth = Math.ceil(width.fromPx / sampling.across);
  const chromaHeight = Math.ceil(height.fromPx / sampling.down);
  // libjpeg-turbo writes whole samples of Cb and Cr, and as many of Y; registers are read whole.
  const [lumaBytes, chromaBytes] = [roundedUp(width.fromPx, LINE_BYTES), roundedUp(chromaWidth, LINE_BYTES)];
  const plane = (bytes: number, rows: number): number => places.of(bytes * rows + LINE_BYTES);
  /** Of one row, with one more on each side. */
  const sums = (): number => places.of((chromaBytes + LINE_BYTES) * VALUE_BYTES + LINE_BYTES) + LINE_BYTES;
  const planes: PlanesLayout = {
    luma: plane(lumaBytes, chromaHeight * sampling.down),
    chroma: [plane(chromaBytes, chromaHeight), plane(chromaBytes, chromaHeight)],
    ...{ lumaBytes, chromaBytes, sampling },
    sums: [sums(), sums()],
  };
  return { ...passes, source, planes, end: places.end };
}

/** What both passes need, whatever the source. */
function passesOf(
  places: Places,
  { height, width, channels }: Resampling,
  { rowBytes, steps, nativeRows }: Pick<Layout, 'rowBytes' | 'steps'> & { readonly nativeRows: number | null },
) {
  /** Of one column of as many rows as are done at once. */
  const columnBytes = nativeRows === null ? VECTOR_BYTES : nativeRows * VALUE_BYTES;
  const rows = planOf(height, rowBytes, nativeRows === null ? LANES : null);
  const columns = planOf(width, steps.pixel * columnBytes, null);
  const resultRowBytes = roundedUp(width.toPx * channels, LANES);
  const columnsAtOnce = Math.max(COLUMNS, LINE_BYTES);
  return {
    ...{ rowBytes, steps, rows, columns, resultRowBytes },
    rowsAt: places.of(rows.bytes.length),
    columnsAt: places.of(columns.bytes.length),
    summed: places.of(COLUMNS * LANES * 2),
    turned: places.of((roundedUp(rowBytes, columnsAtOnce) + UNROLLED * channels) * columnBytes),
    wide: places.of(roundedUp(resultRowBytes, NATIVE_COLUMNS) * columnBytes),
    result: places.of(roundedUp(height.toPx, LANES) * resultRowBytes),
  };
}

/** What `native/resampler.cc` is told, in the order in which it reads. */
export function numbersOf({ height, width, channels }: Resampling, layout: Layout): Int32Array {
  const { rowBytes, steps, rows, rowsAt, columns, columnsAt, turned, wide, result, resultRowBytes } = layout;
  const { planes } = layout;
  const picture = [
    ...[rowBytes, height.toPx, width.toPx, channels, steps.channel, steps.pixel],
    ...[rowsAt, rows.entryBytes, rows.taps, columnsAt, columns.entryBytes, columns.taps],
    ...[turned, wide, result, resultRowBytes],
  ];
  if (planes === null) return Int32Array.of(...picture, layout.source);
  const { luma, chroma, lumaBytes, chromaBytes, sampling, sums } = planes;
  return Int32Array.of(
    ...picture,
    ...[luma, ...chroma, lumaBytes, chromaBytes, width.fromPx, height.fromPx, sampling.across, sampling.down],
    ...[layout.source, ...sums],
  );
}
