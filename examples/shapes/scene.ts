import type { Box } from '../../core/dataset/annotations.ts';
import { stream } from '../../core/rng.ts';

/** A drawn picture with the boxes of what can be seen in it. */
export interface Scene {
  /** RGB, row by row. */
  readonly pixels: Uint8Array;
  readonly boxes: Box[];
  readonly attributes: { readonly weather: string; readonly scene: string; readonly timeofday: string };
}

export const SHAPES = ['square', 'disc', 'triangle', 'cross'] as const;
type Shape = (typeof SHAPES)[number];
type Colour = readonly [number, number, number];

export interface SceneOptions {
  readonly sidePx: number;
  readonly seed: number;
  readonly gray: boolean;
}

/** An object of which less can be seen is not asked for. */
const VISIBLE = 0.5;
/** Least distance of an object's colour from what is behind its centre, so that eyes can tell. */
const CONTRAST = 70;
/** Samples along each side of a pixel, so that edges are soft. */
const FINE = 3;

/**
 * Shapes of different size, turn and colour, that overlap and hide each other, on a background like that of a photograph:
 * light that falls off, soft blotches, fine grain. A function of seed and index alone.
 */
export function drawScene(index: number, { sidePx, seed, gray }: SceneOptions): Scene {
  const random = stream(seed, 'examples/shapes');
  let draws = 0;
  // Four draws come at a time.
  let words = random.words(index, 0);
  const uniform = (): number => {
    const at = draws++ & 3;
    if (at === 0) words = random.words(index, draws >> 2);
    return (words[at] ?? 0) / 0x1_0000_0000;
  };
  const between = (low: number, high: number): number => low + uniform() * (high - low);
  const night = uniform() < 0.3;
  const canvas = background(sidePx, uniform, night);
  const owner = new Int16Array(sidePx * sidePx).fill(-1);
  const placed: { label: Shape; covers: number; bounds: Bounds }[] = [];
  const count = 1 + Math.floor(uniform() * 5);
  for (let object = 0; object < count; object++) {
    const label = SHAPES[Math.floor(uniform() * SHAPES.length)] ?? 'square';
    const radius = (between(0.14, 0.46) * sidePx) / 2;
    const centre = [
      between(0.3 * radius, sidePx - 0.3 * radius),
      between(0.3 * radius, sidePx - 0.3 * radius),
    ] as const;
    const turn = uniform() * Math.PI * 2;
    const behind = colourAt(canvas, centre, sidePx);
    const drawColour = (): Colour => {
      const tone = between(night ? 90 : 20, night ? 250 : 235);
      return [tint(tone, uniform()), tint(tone, uniform()), tint(tone, uniform())];
    };
    let colour = drawColour();
    for (let tries = 0; tries < 20 && distance(colour, behind) < CONTRAST; tries++) colour = drawColour();
    const shape = { label, radius, centre, turn, colour, shade: between(-0.35, 0.35) };
    placed.push({ label, ...paint(canvas, owner, object, shape, sidePx) });
  }
  const pixels = developed(canvas, sidePx, uniform, gray);
  const boxes = placed.flatMap(({ label, covers, bounds }, object): Box[] => {
    const seen = owner.reduce((sum, each) => sum + (each === object ? 1 : 0), 0);
    if (covers === 0 || seen / covers < VISIBLE) return [];
    const [xMin, yMin, xMax, yMax] = bounds;
    const cut = xMin <= 0 || yMin <= 0 || xMax >= sidePx || yMax >= sidePx;
    return [{ label, xMin, yMin, xMax, yMax, truncated: cut, occluded: seen / covers < 0.9 }];
  });
  const timeofday = night ? 'night' : 'daytime';
  return { pixels, boxes, attributes: { weather: uniform() < 0.5 ? 'clear' : 'overcast', scene: 'table', timeofday } };
}

type Bounds = readonly [xMin: number, yMin: number, xMax: number, yMax: number];

function colourAt(canvas: Float32Array, [x, y]: readonly [number, number], sidePx: number): Colour {
  const inside = (value: number): number => Math.min(sidePx - 1, Math.max(0, Math.floor(value)));
  const at = (inside(y) * sidePx + inside(x)) * 3;
  return [canvas[at] ?? 0, canvas[at + 1] ?? 0, canvas[at + 2] ?? 0];
}

const distance = (a: Colour, b: Colour): number => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

const tint = (tone: number, u: number): number => Math.min(255, Math.max(0, tone + (u - 0.5) * 190));

/** Light from one corner, blotches in four sizes, and a horizon. */
function background(sidePx: number, uniform: () => number, night: boolean): Float32Array {
  const canvas = new Float32Array(sidePx * sidePx * 3);
  const level = night ? 30 + uniform() * 40 : 90 + uniform() * 100;
  const base: Colour = [tint(level, uniform()), tint(level, uniform()), tint(level, uniform())];
  const far: Colour = [tint(level, uniform()), tint(level, uniform()), tint(level, uniform())];
  const horizon = 0.25 + uniform() * 0.6;
  const [dx, dy] = [(uniform() - 0.5) * 90, (uniform() - 0.5) * 90];
  const layers = [3, 6, 12, 24].map((cells, octave) => ({
    cells,
    grid: lattice(cells, uniform),
    weight: 34 / 1.7 ** octave,
  }));
  for (let y = 0; y < sidePx; y++) {
    for (let x = 0; x < sidePx; x++) {
      const [u, v] = [x / sidePx, y / sidePx];
      const blotch = layers.reduce((sum, { cells, grid, weight }) => sum + weight * smooth(grid, cells, u, v), 0);
      const light = dx * (u - 0.5) + dy * (v - 0.5) + blotch;
      const behind = 1 / (1 + Math.exp((v - horizon) * 40));
      for (let c = 0; c < 3; c++) {
        canvas[(y * sidePx + x) * 3 + c] = (base[c] ?? 0) * (1 - behind) + (far[c] ?? 0) * behind + light;
      }
    }
  }
  return canvas;
}

function lattice(cells: number, uniform: () => number): Float32Array {
  return Float32Array.from({ length: (cells + 2) ** 2 }, () => 2 * uniform() - 1);
}

/** Value noise: cubic between the points of a lattice. */
function smooth(grid: Float32Array, cells: number, u: number, v: number): number {
  const [x, y] = [u * cells, v * cells];
  const [column, row] = [Math.floor(x), Math.floor(y)];
  const ease = (t: number): number => t * t * (3 - 2 * t);
  const [s, t] = [ease(x - column), ease(y - row)];
  const at = (r: number, c: number): number => grid[(row + r) * (cells + 2) + column + c] ?? 0;
  return (at(0, 0) * (1 - s) + at(0, 1) * s) * (1 - t) + (at(1, 0) * (1 - s) + at(1, 1) * s) * t;
}

interface Painted {
  readonly label: Shape;
  readonly radius: number;
  readonly centre: readonly [number, number];
  readonly turn: number;
  readonly colour: Colour;
  /** How much lighter it is on one side. */
  readonly shade: number;
}

function paint(
  canvas: Float32Array,
  owner: Int16Array,
  object: number,
  shape: Painted,
  sidePx: number,
): { covers: number; bounds: Bounds } {
  let [covers, xMin, yMin, xMax, yMax] = [0, sidePx, sidePx, 0, 0];
  for (let y = 0; y < sidePx; y++) {
    for (let x = 0; x < sidePx; x++) {
      const share = coverage(shape, x, y);
      if (share === 0) continue;
      const light = 1 + (shape.shade * (x - shape.centre[0] + y - shape.centre[1])) / shape.radius / 2;
      for (let c = 0; c < 3; c++) {
        const index = (y * sidePx + x) * 3 + c;
        canvas[index] = (canvas[index] ?? 0) * (1 - share) + (shape.colour[c] ?? 0) * light * share;
      }
      if (share < 0.5) continue;
      owner[y * sidePx + x] = object;
      covers++;
      [xMin, yMin, xMax, yMax] = [Math.min(xMin, x), Math.min(yMin, y), Math.max(xMax, x + 1), Math.max(yMax, y + 1)];
    }
  }
  return { covers, bounds: [xMin, yMin, xMax, yMax] };
}

function coverage(shape: Painted, x: number, y: number): number {
  const { centre, radius } = shape;
  if (Math.abs(x - centre[0]) > radius + 2 || Math.abs(y - centre[1]) > radius + 2) return 0;
  let inside = 0;
  for (let i = 0; i < FINE; i++) {
    for (let j = 0; j < FINE; j++) if (contains(shape, x + (i + 0.5) / FINE, y + (j + 0.5) / FINE)) inside++;
  }
  return inside / FINE ** 2;
}

/** Whether a point lies in the shape; all of them lie within a circle of its radius. */
function contains({ label, radius, centre, turn }: Painted, x: number, y: number): boolean {
  const [dx, dy] = [(x - centre[0]) / radius, (y - centre[1]) / radius];
  const [u, v] = [dx * Math.cos(turn) + dy * Math.sin(turn), dy * Math.cos(turn) - dx * Math.sin(turn)];
  switch (label) {
    case 'square':
      return Math.max(Math.abs(u), Math.abs(v)) <= Math.SQRT1_2;
    case 'disc':
      return u * u + v * v <= 0.81;
    case 'triangle':
      return v <= 0.5 && v >= -1 + Math.sqrt(3) * Math.abs(u);
    case 'cross':
      return (Math.abs(u) <= 0.25 && Math.abs(v) <= 0.95) || (Math.abs(v) <= 0.25 && Math.abs(u) <= 0.95);
  }
}

/** Grain, and bytes. */
function developed(canvas: Float32Array, sidePx: number, uniform: () => number, gray: boolean): Uint8Array {
  const grain = 4 + uniform() * 10;
  const out = new Uint8Array(sidePx * sidePx * 3);
  for (let pixel = 0; pixel < sidePx * sidePx; pixel++) {
    const noise = (uniform() + uniform() - 1) * grain;
    const [r = 0, g = 0, b = 0] = canvas.subarray(pixel * 3, pixel * 3 + 3);
    const luma = 0.299 * r + 0.587 * g + 0.114 * b;
    const channels = gray ? [luma, luma, luma] : [r, g, b];
    for (const [c, value] of channels.entries())
      out[pixel * 3 + c] = Math.min(255, Math.max(0, Math.round(value + noise)));
  }
  return out;
}
