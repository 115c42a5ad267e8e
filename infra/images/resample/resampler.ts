import { planOf } from './coefficients.ts';
import type { Axis, Plan } from './coefficients.ts';
import { COLUMNS, LANES, UNROLLED, VECTOR_BYTES, kernelModule } from './kernel.ts';

const PAGE_BYTES = 65_536;

export type Channels = 1 | 3;

/** What is resampled into what. */
export interface Resampling {
  readonly height: Axis;
  readonly width: Axis;
  readonly channels: Channels;
}

/** Rows of `width.toPx` × `channels` bytes and what rounds them up to `rowBytes`. */
export interface Resampled {
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly rowBytes: number;
}

/** Where things lie in the memory of the kernels, for one shape of picture. */
interface Layout {
  readonly source: number;
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
  readonly end: number;
}

/**
 * Resizes 8-bit pixels by Catmull–Rom with antialiasing: down first, then across, in whole numbers. It keeps the memory
 * of one picture, which grows to that of the largest that came.
 */
export class Resampler {
  private readonly memory = new WebAssembly.Memory({ initial: 1 });
  private readonly kernels = new WebAssembly.Instance(new WebAssembly.Module(kernelModule()), {
    env: { memory: this.memory },
  }).exports;
  private key = '';
  private layout: Layout | null = null;

  /** The place for the source's pixels, row by row: fill it, then call `resample` for the same shape. */
  source(shape: Resampling): Uint8Array<ArrayBuffer> {
    const { source } = this.prepare(shape);
    return new Uint8Array(this.memory.buffer, source, shape.height.fromPx * shape.width.fromPx * shape.channels);
  }

  /** The result lies in the same memory, until the next call: `height.toPx` rows, `rowBytes` apart. */
  resample(shape: Resampling): Resampled {
    const layout = this.prepare(shape);
    this.run(shape, layout);
    const { result, resultRowBytes: rowBytes } = layout;
    return { rowBytes, pixels: new Uint8Array(this.memory.buffer, result, shape.height.toPx * rowBytes) };
  }

  private run({ width, channels }: Resampling, layout: Layout): void {
    const { rows, columns, turned, wide, resultRowBytes } = layout;
    const { vertical, toRows, [`horizontal${channels}`]: horizontal } = this.kernels;
    if (!vertical || !horizontal || !toRows) throw new Error('a kernel is missing');
    const rowBytes = width.fromPx * channels;
    const turns = Math.ceil(rowBytes / COLUMNS);
    const blockPlanBytes = LANES * rows.entryBytes;
    rows.starts.forEach((start, block) => {
      const source = layout.source + start * rowBytes;
      const plan = layout.rowsAt + block * blockPlanBytes;
      vertical(source, rowBytes, turns, rows.taps / UNROLLED, plan, rows.entryBytes, layout.summed, turned);
      horizontal(turned, width.toPx, columns.taps / UNROLLED, layout.columnsAt, columns.entryBytes, wide);
      toRows(wide, resultRowBytes / LANES, layout.result + block * LANES * resultRowBytes, resultRowBytes);
    });
  }

  private prepare(shape: Resampling): Layout {
    const { height, width, channels } = shape;
    const key = [height, width].map(({ fromPx, toPx, factor }) => `${fromPx} ${toPx} ${factor}`).join() + channels;
    if (this.layout !== null && this.key === key) return this.layout;
    const layout = layoutOf(shape);
    const lacking = layout.end - this.memory.buffer.byteLength;
    if (lacking > 0) this.memory.grow(Math.ceil(lacking / PAGE_BYTES));
    const bytes = new Uint8Array(this.memory.buffer);
    bytes.set(layout.rows.bytes, layout.rowsAt);
    bytes.set(layout.columns.bytes, layout.columnsAt);
    this.key = key;
    this.layout = layout;
    return layout;
  }
}

function layoutOf({ height, width, channels }: Resampling): Layout {
  const rowBytes = width.fromPx * channels;
  const rows = planOf(height, rowBytes, LANES);
  const columns = planOf(width, channels * VECTOR_BYTES, null);
  const resultRowBytes = Math.ceil((width.toPx * channels) / LANES) * LANES;
  let end = 0;
  const place = (bytes: number): number => {
    const at = end;
    end = Math.ceil((at + bytes) / VECTOR_BYTES) * VECTOR_BYTES;
    return at;
  };
  const places = {
    // Taps come in fours and columns in dozens: what is read behind the picture weighs nothing.
    source: place((height.fromPx + UNROLLED) * rowBytes + COLUMNS),
    rowsAt: place(rows.bytes.length),
    columnsAt: place(columns.bytes.length),
    summed: place(COLUMNS * LANES * 2),
    turned: place((Math.ceil(rowBytes / COLUMNS) * COLUMNS + UNROLLED * channels) * VECTOR_BYTES),
    wide: place(resultRowBytes * VECTOR_BYTES),
    result: place(Math.ceil(height.toPx / LANES) * LANES * resultRowBytes),
  };
  return { ...places, rows, columns, resultRowBytes, end };
}
