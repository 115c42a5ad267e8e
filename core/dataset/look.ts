/**
 * What a picture looks like, in 128 bytes: the low frequencies of its luma, and mean and spread of its colours. Two
 * renderings of one picture (re-encoded, resized, stretched) have nearly the same look; a mirrored one differs in known
 * signs.
 *
 * The frequencies are those of the two-dimensional DCT-II taken as an integral over the picture, so its size does not
 * matter; scaled to unit length, so brightness and contrast do not either. The product of two such vectors is then the
 * correlation of the two pictures below the cut-off (Parseval). Perceptual hashes of the DCT (Zauner, "Implementation
 * and Benchmarking of Perceptual Image Hash Functions", 2010, §3.2.1) keep the signs alone, which are noise where a
 * frequency is absent.
 */
export interface Look {
  /** WAVES signed bytes in units of 1/127, of unit length together; all zero in a plain picture. */
  readonly waves: Int8Array;
  /** Of red, green and blue (of gray: thrice the same), 0 … 255. */
  readonly mean: readonly [number, number, number];
  /** Standard deviation of each over the pixels, 0 … 127.5 in steps of a half. */
  readonly deviation: readonly [number, number, number];
}

/** Frequencies a direction. */
const SIDE = 13;
/** Figures of a look. */
export const WAVES = 120;
/** Bytes of a look: waves, means, deviations, and two for later. */
export const LOOK_BYTES = 128;
/** Luma levels; what varies less than this is plain, and its frequencies are noise. */
const PLAIN_DEVIATION = 2;
/** Pictures are averaged down to fewer than twice so many cells a direction before the transform. */
const CELLS = 64;
/** Pixels a direction that say enough: four in a cell. */
const ENOUGH = 256;

/** The frequencies [across, down] of a look in order of their length: whole rings, so that mirroring maps them to themselves. */
export const frequencies: readonly (readonly [number, number])[] = Array.from({ length: SIDE * SIDE }, (_, i) => i)
  .slice(1)
  .map((i): [number, number] => [i % SIDE, Math.floor(i / SIDE)])
  .sort(([a, b], [c, d]) => a * a + b * b - (c * c + d * d) || a - c)
  .slice(0, WAVES);

/** Pixels as they lie in memory: rows from the top, `channels` bytes a pixel, gray (1) or RGB (3). */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** The look of a picture of at least one pixel. Of large pictures every second, third … pixel counts. */
export function lookOf(pixels: Pixels): Look {
  const step = Math.max(1, Math.floor(Math.min(pixels.width, pixels.height) / ENOUGH));
  const [width, height] = [Math.floor(pixels.width / step), Math.floor(pixels.height / step)];
  const across = new Axis(width);
  const down = new Axis(height);
  const { cells, mean, deviation } = average(pixels, { width, height, step }, across, down);
  const spectrum = transform(cells, across, down);
  const values = frequencies.map(([u, v]) => spectrum[v * SIDE + u] ?? 0);
  const length = Math.hypot(...values) / (width * height);
  const waves = new Int8Array(WAVES);
  if (length >= PLAIN_DEVIATION) {
    for (const [i, value] of values.entries()) waves[i] = Math.round((127 * value) / (width * height) / length);
  }
  return { waves, mean, deviation };
}

/** Whether a picture has too little in it to be told from another. */
export const isPlain = ({ waves }: Look): boolean => waves.every((wave) => wave === 0);

/** One direction of a picture: how its pixels fall into cells, and the cosines at their centres. */
class Axis {
  readonly cells: number;
  readonly pixelsPerCell: number;
  /** [frequency][cell], scaled so that a wave has unit power. */
  readonly cosines: Float64Array;

  constructor(size: number) {
    this.pixelsPerCell = Math.max(1, Math.floor(size / CELLS));
    this.cells = Math.ceil(size / this.pixelsPerCell);
    this.cosines = new Float64Array(SIDE * this.cells);
    for (let wave = 0; wave < SIDE; wave++) {
      for (let cell = 0; cell < this.cells; cell++) {
        const start = cell * this.pixelsPerCell;
        const centre = (start + Math.min(size, start + this.pixelsPerCell)) / 2;
        const power = wave === 0 ? 1 : Math.SQRT2;
        this.cosines[wave * this.cells + cell] = power * Math.cos((Math.PI * wave * centre) / size);
      }
    }
  }
}

interface Averages extends Pick<Look, 'mean' | 'deviation'> {
  /** Sums of luma. */
  readonly cells: Float64Array;
}

/** The grid of pixels that count. */
interface Grid {
  readonly width: number;
  readonly height: number;
  readonly step: number;
}

function average(pixels: Pixels, { width, height, step }: Grid, across: Axis, down: Axis): Averages {
  const { data, channels } = pixels;
  const first = Math.floor(step / 2);
  const cells = new Float64Array(across.cells * down.cells);
  const sums = [0, 0, 0];
  const squares = [0, 0, 0];
  const second = channels === 1 ? 0 : 1;
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y / down.pixelsPerCell) * across.cells;
    let [red, green, blue, red2, green2, blue2] = [0, 0, 0, 0, 0, 0];
    const start = ((y * step + first) * pixels.width + first) * channels;
    for (let x = 0, at = start; x < width; x++, at += step * channels) {
      const r = data[at] ?? 0;
      const g = data[at + second] ?? 0;
      const b = data[at + 2 * second] ?? 0;
      red += r;
      green += g;
      blue += b;
      red2 += r * r;
      green2 += g * g;
      blue2 += b * b;
      const cell = row + Math.floor(x / across.pixelsPerCell);
      cells[cell] = (cells[cell] ?? 0) + 0.299 * r + 0.587 * g + 0.114 * b;
    }
    [red, green, blue].forEach((sum, i) => (sums[i] = (sums[i] ?? 0) + sum));
    [red2, green2, blue2].forEach((sum, i) => (squares[i] = (squares[i] ?? 0) + sum));
  }
  const count = width * height;
  const meanOf = (i: number): number => (sums[i] ?? 0) / count;
  const deviationOf = (i: number): number => {
    const variance = (squares[i] ?? 0) / count - meanOf(i) ** 2;
    return Math.round(2 * Math.sqrt(Math.max(0, variance))) / 2;
  };
  return {
    cells,
    mean: [Math.round(meanOf(0)), Math.round(meanOf(1)), Math.round(meanOf(2))],
    deviation: [deviationOf(0), deviationOf(1), deviationOf(2)],
  };
}

/** SIDE × SIDE coefficients, rows by the frequency downwards; one direction after the other. */
function transform(cells: Float64Array, across: Axis, down: Axis): Float64Array {
  const rows = new Float64Array(down.cells * SIDE);
  for (let j = 0; j < down.cells; j++) {
    for (let u = 0; u < SIDE; u++) {
      let sum = 0;
      for (let i = 0; i < across.cells; i++) {
        sum += (cells[j * across.cells + i] ?? 0) * (across.cosines[u * across.cells + i] ?? 0);
      }
      rows[j * SIDE + u] = sum;
    }
  }
  const spectrum = new Float64Array(SIDE * SIDE);
  for (let v = 0; v < SIDE; v++) {
    for (let u = 0; u < SIDE; u++) {
      let sum = 0;
      for (let j = 0; j < down.cells; j++) sum += (rows[j * SIDE + u] ?? 0) * (down.cosines[v * down.cells + j] ?? 0);
      spectrum[v * SIDE + u] = sum;
    }
  }
  return spectrum;
}

/** LOOK_BYTES bytes. */
export function encodeLook({ waves, mean, deviation }: Look): Uint8Array {
  const bytes = new Uint8Array(LOOK_BYTES);
  bytes.set(new Uint8Array(waves.buffer, waves.byteOffset, WAVES));
  bytes.set(mean, WAVES);
  bytes.set(
    deviation.map((value) => 2 * value),
    WAVES + 3,
  );
  return bytes;
}

/** The look in LOOK_BYTES bytes; its waves are those bytes themselves. */
export function decodeLook(bytes: Uint8Array): Look {
  const at = (i: number): number => bytes[WAVES + i] ?? 0;
  return {
    waves: new Int8Array(bytes.buffer, bytes.byteOffset, WAVES),
    mean: [at(0), at(1), at(2)],
    deviation: [at(3) / 2, at(4) / 2, at(5) / 2],
  };
}
