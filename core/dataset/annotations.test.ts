import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Box } from './annotations.ts';
import { classesOf } from './annotations.ts';
import { fromCoco, fromVoc, fromYolo, toCoco, toVoc, toYolo } from './box-formats.ts';
import { identityLine, listingLine } from './items.ts';
import { clipBox, scaleBox, settleAnnotations } from './settle.ts';

const picture = { width: 100, height: 80 };
const box = (xMin: number, yMin: number, xMax: number, yMax: number, more: Partial<Box> = {}): Box => ({
  ...{ label: 'cat', xMin, yMin, xMax, yMax },
  ...more,
});
const settled = (given: Box, outside: 'quarantine' | 'clip' = 'quarantine') => {
  const result = settleAnnotations({ unit: 'pixels', boxes: [given] }, picture, outside);
  return result.ok ? result.value.boxes?.[0] : result.error;
};

describe('settling annotations', () => {
  it.each([
    ['not finite', box(Number.NaN, 0, 1, 1)],
    ['not finite', box(0, 0, Infinity, 1)],
    ['reversed', box(20, 0, 10, 10)],
    ['reversed', box(0, 20, 10, 10)],
    ['without area', box(10, 10, 10, 20)],
    ['outside the 100×80 picture', box(100, 0, 130, 20)],
    ['outside the 100×80 picture', box(-5, -5, 0, 0)],
    ['pixels beyond the 100×80 picture', box(90, 0, 101.5, 20)],
    ['of an impossible area', box(0, 0, 10, 10, { area: -1 })],
  ])('refuses a box that is %s', (why, given) => {
    expect(settled(given)).toMatchObject({ code: 'ANNOTATION_BOX', reason: expect.stringContaining(why) });
  });

  it('clips what a tool rounded, and what it is told to', () => {
    expect(settled(box(-0.5, 0, 100.9, 80.5))).toEqual(box(0, 0, 100, 80));
    expect(settled(box(90, -7, 140, 20, { crowd: true }), 'clip')).toEqual(box(90, 0, 100, 20, { crowd: true }));
    expect(settled(box(110, 0, 140, 20), 'clip')).toMatchObject({ code: 'ANNOTATION_BOX' });
  });

  it('scales shares to pixels', () => {
    const result = settleAnnotations({ unit: 'relative', boxes: [box(0.1, 0.25, 0.5, 1)] }, picture);
    expect(result).toEqual({ ok: true, value: { boxes: [box(10, 20, 50, 80)] } });
  });

  it('refuses annotations of another size, and says where a picture is turned', () => {
    const of = (width: number, height: number) =>
      settleAnnotations({ unit: 'pixels', size: { width, height }, boxes: [] }, picture);
    expect(of(100, 80)).toEqual({ ok: true, value: { boxes: [] } });
    expect(of(200, 160)).toMatchObject({ error: { code: 'ANNOTATION_SIZE' } });
    expect(of(80, 100)).toMatchObject({ error: { reason: expect.stringContaining('EXIF') } });
  });

  it('leaves the rest as it is, and refuses a flood of boxes', () => {
    const rest = { labels: ['a', 'b'], side: 'test', group: 'p1', attributes: { weather: 'rain' } } as const;
    expect(settleAnnotations({ unit: 'pixels', ...rest }, picture)).toEqual({ ok: true, value: rest });
    const flood = Array.from({ length: 10_001 }, () => box(0, 0, 1, 1));
    expect(settleAnnotations({ unit: 'pixels', boxes: flood }, picture)).toMatchObject({ ok: false });
  });
});

const size = fc.record({ width: fc.integer({ min: 1, max: 5000 }), height: fc.integer({ min: 1, max: 5000 }) });
/** A picture, and a box in it that is a pixel wide and high at least. */
const boxes = size.chain((within) =>
  fc.tuple(...[0, 1, 2, 3].map(() => fc.double({ min: 0, max: 1, noNaN: true }))).map(([x, y, w, h]) => {
    const [width, height] = [1 + (w ?? 0) * (within.width - 1), 1 + (h ?? 0) * (within.height - 1)];
    const [xMin, yMin] = [(x ?? 0) * (within.width - width), (y ?? 0) * (within.height - height)];
    const [xMax, yMax] = [Math.min(xMin + width, within.width), Math.min(yMin + height, within.height)];
    return { within, edges: { xMin, yMin, xMax, yMax } };
  }),
);
type Edges = Pick<Box, 'xMin' | 'yMin' | 'xMax' | 'yMax'>;
const farthest = (a: Edges, b: Edges): number =>
  Math.max(...(['xMin', 'yMin', 'xMax', 'yMax'] as const).map((edge) => Math.abs(a[edge] - b[edge])));

describe('box formats', () => {
  it('agree on the box around a whole picture', () => {
    const whole = { xMin: 0, yMin: 0, xMax: 100, yMax: 80 };
    expect(toVoc(whole, picture)).toEqual({ xmin: 1, ymin: 1, xmax: 100, ymax: 80 });
    expect(toCoco(whole)).toEqual([0, 0, 100, 80]);
    expect(toYolo(whole, picture)).toEqual([0.5, 0.5, 1, 1]);
  });

  it('go from one to the next and back to half a pixel', () => {
    fc.assert(
      fc.property(boxes, ({ within, edges }) => {
        const voc = toVoc(edges, within);
        expect(farthest(fromVoc(voc), edges)).toBeLessThanOrEqual(0.5 + 1e-9);
        expect(toVoc(fromVoc(voc), within)).toEqual(voc);
        const coco = fromCoco(toCoco(fromVoc(voc)));
        expect(farthest(coco, fromVoc(voc))).toBeLessThan(1e-9);
        const yolo = scaleBox({ label: '', ...fromYolo(toYolo(coco, within)) }, within);
        expect(farthest(yolo, coco)).toBeLessThan(1e-6);
        expect(toVoc(yolo, within)).toEqual(voc);
      }),
      { numRuns: 1000 },
    );
  });

  it('always write a box of VOC that lies in the picture and has a pixel', () => {
    fc.assert(
      fc.property(size, fc.tuple(fc.double(), fc.double(), fc.double(), fc.double()), (within, [a, b, c, d]) => {
        const inside = clipBox(box(Math.min(a, b), Math.min(c, d), Math.max(a, b), Math.max(c, d)), within);
        if (inside === null) return;
        const { xmin, ymin, xmax, ymax } = toVoc(inside, within);
        expect(1 <= xmin && xmin <= xmax && xmax <= within.width).toBe(true);
        expect(1 <= ymin && ymin <= ymax && ymax <= within.height).toBe(true);
      }),
    );
  });
});

describe('lines of items', () => {
  const item = { path: 'a/1.jpg', label: 'a', sha256: 'ff' };
  const entry = { path: 'a/1.jpg', label: 'a', sizeBytes: 3, tag: 't' };

  it('are what they were for a classified picture', () => {
    expect(identityLine(item)).toBe('["a/1.jpg","a","ff"]\n');
    expect(identityLine({ ...item, group: 'g' })).toBe('["a/1.jpg","a","ff","g"]\n');
    expect(listingLine(entry)).toBe('["a/1.jpg","a",3,"t"]\n');
  });

  it('change with every annotation', () => {
    const variants = [
      {},
      { boxes: [] },
      { boxes: [box(0, 0, 1, 1)] },
      { boxes: [box(0, 0, 1, 1, { crowd: true })] },
      { boxes: [box(0, 0, 1, 1, { area: 0.5 })] },
      { labels: ['a'] },
      { negatives: ['a'] },
      { attributes: { a: 'b' } },
      { side: 'test' as const },
      { group: 'g' },
    ];
    expect(new Set(variants.map((more) => identityLine({ ...item, ...more }))).size).toBe(variants.length);
    const lines = variants.map((more) => listingLine({ ...entry, annotations: { unit: 'pixels', ...more } }));
    expect(new Set(lines).size).toBe(variants.length);
    const odd = [box(Number.NaN, 0, 1, 1)];
    expect(listingLine({ ...entry, annotations: { unit: 'pixels', boxes: odd } })).toContain('"NaN"');
  });

  it('name the classes of an item', () => {
    expect(classesOf({ label: 'a' })).toEqual(['a']);
    expect(classesOf({ label: 'a', labels: ['a', 'b'] })).toEqual(['a', 'b']);
    expect(classesOf({ label: '', boxes: [box(0, 0, 1, 1), box(1, 1, 2, 2)] })).toEqual(['cat']);
    expect(classesOf({ label: '', boxes: [] })).toEqual([]);
  });
});
