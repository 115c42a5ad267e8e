/**
 * A projective transform [a0, a1, a2, b0, b1, b2, c0, c1] as TensorFlow's ImageProjectiveTransformV3 takes it: the OUTPUT
 * pixel (x, y) shows the INPUT at ((a0·x + a1·y + a2)/k, (b0·x + b1·y + b2)/k), k = c0·x + c1·y + 1. Pixel centres lie at
 * whole numbers: the first at (0, 0), the last at (width − 1, height − 1).
 */
export type Transform = readonly [number, number, number, number, number, number, number, number];

export interface Size {
  readonly heightPx: number;
  readonly widthPx: number;
}

export const IDENTITY: Transform = [1, 0, 0, 0, 1, 0, 0, 0];

/** The input point that the output point (x, y) shows. */
export function applyTransform(t: Transform, [x, y]: readonly [number, number]): [number, number] {
  const k = t[6] * x + t[7] * y + 1;
  return [(t[0] * x + t[1] * y + t[2]) / k, (t[3] * x + t[4] * y + t[5]) / k];
}

/** The transform of a picture that is changed by `first`, and the outcome by `then`. */
export function compose(first: Transform, then: Transform): Transform {
  const [a, b] = [rowsOf(first), rowsOf(then)];
  const cell = (row: number, column: number): number =>
    at(a, row, 0) * at(b, 0, column) + at(a, row, 1) * at(b, 1, column) + at(a, row, 2) * at(b, 2, column);
  return normalized((row, column) => cell(row, column));
}

/** From the input point back to the output point. Throws where a transform maps the plane onto a line. */
export function invert(t: Transform): Transform {
  const m = rowsOf(t);
  const cofactor = (row: number, column: number): number => {
    const [r1, r2] = [(row + 1) % 3, (row + 2) % 3];
    const [c1, c2] = [(column + 1) % 3, (column + 2) % 3];
    return at(m, r1, c1) * at(m, r2, c2) - at(m, r1, c2) * at(m, r2, c1);
  };
  const determinant = at(m, 0, 0) * cofactor(0, 0) + at(m, 0, 1) * cofactor(0, 1) + at(m, 0, 2) * cofactor(0, 2);
  if (determinant === 0) throw new Error(`[${t.join(', ')}] has no inverse`);
  return normalized((row, column) => cofactor(column, row));
}

type Rows = readonly (readonly number[])[];

const rowsOf = (t: Transform): Rows => [
  [t[0], t[1], t[2]],
  [t[3], t[4], t[5]],
  [t[6], t[7], 1],
];

const at = (rows: Rows, row: number, column: number): number => rows[row]?.[column] ?? 0;

/** A 3 × 3 matrix is the same transform after division by its last cell. */
function normalized(cell: (row: number, column: number) => number): Transform {
  const last = cell(2, 2);
  const share = (row: number, column: number): number => cell(row, column) / last;
  return [share(0, 0), share(0, 1), share(0, 2), share(1, 0), share(1, 1), share(1, 2), share(2, 0), share(2, 1)];
}

export function flipHorizontal({ widthPx }: Size): Transform {
  return [-1, 0, widthPx - 1, 0, 1, 0, 0, 0];
}

export function flipVertical({ heightPx }: Size): Transform {
  return [1, 0, 0, 0, -1, heightPx - 1, 0, 0];
}

/**
 * Stretches a part to the whole picture. `width` and `height` are shares of the sides; `left` and `top`, from 0 to 1, say
 * where in what is left the part lies. Every output pixel lies between pixel centres of the input, so no border shows.
 */
export function cropTo(
  part: { readonly width: number; readonly height: number; readonly left: number; readonly top: number },
  { heightPx, widthPx }: Size,
): Transform {
  const x = part.left * (widthPx - 1) * (1 - part.width);
  const y = part.top * (heightPx - 1) * (1 - part.height);
  return [part.width, 0, x, 0, part.height, y, 0, 0];
}

/** Enlarges by `factor` about the centre. */
export function zoomBy(factor: number, size: Size): Transform {
  return aboutCentre(1 / factor, 0, size);
}

/** Turns about the centre, clockwise as seen. */
export function rotateBy(degrees: number, size: Size): Transform {
  const radians = (degrees * Math.PI) / 180;
  return aboutCentre(exact(Math.cos(radians)), exact(Math.sin(radians)), size);
}

/** Shifts right by `x` and down by `y` pixels. */
export function translateBy(x: number, y: number): Transform {
  return [1, 0, -x, 0, 1, -y, 0, 0];
}

/** [[cos, sin], [−sin, cos]] about the middle of the picture. */
function aboutCentre(cos: number, sin: number, { heightPx, widthPx }: Size): Transform {
  const [x, y] = [(widthPx - 1) / 2, (heightPx - 1) / 2];
  return [cos, sin, x - (cos * x + sin * y), -sin, cos, y - (cos * y - sin * x), 0, 0];
}

/** The cosine of 90° is 0, not 6e-17: a quarter turn moves pixels onto pixels. */
function exact(value: number): number {
  return Math.abs(value - Math.round(value)) < 1e-15 ? Math.round(value) : value;
}
