import { stream } from '../../core/rng.ts';

/** A picture with objects drawn on it, and where they are. */
export interface ShapePicture {
  /** uint8 [side, side, 3]. */
  readonly pixels: Uint8Array;
  /** In shares of the picture: ymin, xmin, ymax, xmax of each object. */
  readonly boxes: Float64Array;
  /** 0 a square, 1 a disc. */
  readonly labels: readonly number[];
}

/** One to three bright squares and discs on a dark gradient with noise, a function of (seed, index). */
export function shapePicture(sidePx: number, seed: number, index: number): ShapePicture {
  const random = stream(seed, 'shapes');
  let draws = 0;
  const uniform = (): number => random.uniform(index, draws++);
  const pixels = new Uint8Array(sidePx * sidePx * 3);
  const slope = uniform() * 60;
  for (let i = 0; i < pixels.length; i++) pixels[i] = 20 + slope * ((i / 3 / sidePx / sidePx) % 1) + uniform() * 25;
  const boxes: number[] = [];
  const labels: number[] = [];
  const count = 1 + Math.floor(uniform() * 3);
  for (let object = 0; object < count; object++) {
    const size = Math.round(sidePx * (0.2 + uniform() * 0.3));
    const [y, x] = [uniform(), uniform()].map((share) => Math.round(share * (sidePx - size)));
    const label = uniform() < 0.5 ? 0 : 1;
    if (y === undefined || x === undefined || overlapsAny([y, x, y + size, x + size], boxes, sidePx)) continue;
    const color = [0, 1, 2].map(() => 140 + uniform() * 110);
    paint(pixels, sidePx, { y, x, size, disc: label === 1, color });
    boxes.push(y / sidePx, x / sidePx, (y + size) / sidePx, (x + size) / sidePx);
    labels.push(label);
  }
  return { pixels, boxes: Float64Array.from(boxes), labels };
}

function overlapsAny(
  [y0, x0, y1, x1]: readonly [number, number, number, number],
  boxes: readonly number[],
  side: number,
) {
  for (let at = 0; at < boxes.length; at += 4) {
    const [top = 0, left = 0, bottom = 0, right = 0] = boxes.slice(at, at + 4).map((share) => share * side);
    if (y0 < bottom && top < y1 && x0 < right && left < x1) return true;
  }
  return false;
}

interface Painted {
  readonly y: number;
  readonly x: number;
  readonly size: number;
  readonly disc: boolean;
  readonly color: readonly number[];
}

function paint(pixels: Uint8Array, side: number, { y, x, size, disc, color }: Painted): void {
  const radius = size / 2;
  for (let row = y; row < y + size; row++) {
    for (let column = x; column < x + size; column++) {
      const [down, across] = [row + 0.5 - y - radius, column + 0.5 - x - radius];
      if (disc && down * down + across * across > radius * radius) continue;
      for (const [channel, value] of color.entries()) pixels[(row * side + column) * 3 + channel] = value;
    }
  }
}
