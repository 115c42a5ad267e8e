import sharp from 'sharp';
import type { Sharp } from 'sharp';
import { stream } from '../../core/rng.ts';

/**
 * A picture like no other of another seed: soft light of three colours, discs and bars with edges, and grain. Each is a
 * composition of its own, as photographs are.
 */
export function variedPicture(seed: number, width: number, height: number): Sharp {
  const draws = stream(seed, 'varied-picture');
  let drawn = 0;
  const random = (): number => draws.uniform(0, drawn++);
  const light = [0, 1, 2].map(() => ({ x: 0.5 + 4 * random(), y: 0.5 + 4 * random(), phase: 6 * random() }));
  const shapes = Array.from({ length: 3 + Math.floor(12 * random()) }, () => ({
    x: random() * width,
    y: random() * height,
    radius: (0.04 + 0.2 * random()) * Math.min(width, height),
    stretched: 0.3 + 2 * random(),
    colour: [255 * random(), 255 * random(), 255 * random()],
  }));
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const shape = shapes.findLast((s) => ((s.x - x) * s.stretched) ** 2 + (s.y - y) ** 2 < s.radius ** 2);
      const grain = 20 * (draws.uniform(1, at) - 0.5);
      for (const [c, wave] of light.entries()) {
        const lit = 128 + 60 * Math.sin((wave.x * x) / width + wave.phase) + 60 * Math.cos((wave.y * y) / height + c);
        pixels[at++] = Math.max(0, Math.min(255, (shape?.colour[c] ?? lit) + grain));
      }
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

/** What people and tools do to a picture that ends on the other side of a split. */
export const leaks: Readonly<Record<string, (picture: Sharp, width: number, height: number) => Sharp>> = {
  'JPEG of quality 90': (picture) => picture.jpeg({ quality: 90 }),
  'JPEG of quality 50': (picture) => picture.jpeg({ quality: 50 }),
  'JPEG of quality 30': (picture) => picture.jpeg({ quality: 30 }),
  'WebP of quality 60': (picture) => picture.webp({ quality: 60 }),
  'half the size': (picture, w, h) => picture.resize(Math.round(w / 2), Math.round(h / 2)).jpeg(),
  'three quarters': (picture, w, h) => picture.resize(Math.round(0.75 * w), Math.round(0.75 * h)).png(),
  'twice the size': (picture, w, h) => picture.resize(2 * w, 2 * h).jpeg({ quality: 80 }),
  'stretched wide': (picture, w, h) =>
    picture.resize(Math.round(2.3 * w), Math.round(1.4 * h), { fit: 'fill' }).jpeg({ quality: 80 }),
  'three times the size': (picture, w, h) => picture.resize(3 * w, 3 * h).jpeg({ quality: 80 }),
  'squeezed to a square': (picture, w) => picture.resize(w, w, { fit: 'fill' }).jpeg({ quality: 80 }),
  'mirrored, re-encoded': (picture) => picture.flop().jpeg({ quality: 80 }),
  'upside down, smaller': (picture, w, h) =>
    picture
      .flip()
      .resize(Math.round(0.6 * w), Math.round(0.6 * h))
      .jpeg({ quality: 80 }),
  'turned by half': (picture) => picture.flip().flop().png(),
  'a little brighter': (picture) => picture.linear(1.05, 6).jpeg({ quality: 85 }),
};
