/**
 * Draws shapes on backgrounds like those of photographs, with their boxes in three layouts below `images/`: `coco`, `voc`
 * and `bdd`. The same arguments give the same pictures. Usage: make-images.ts [COUNT] [--gray] [--layout coco|voc|bdd].
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { vocXml } from '../../core/dataset/export/voc-export.ts';
import { drawScene, SHAPES } from './scene.ts';
import type { Scene } from './scene.ts';

const SIDE_PX = 128;
const SEED = 11;
const LAYOUTS = ['coco', 'voc', 'bdd'] as const;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    gray: { type: 'boolean', default: false },
    layout: { type: 'string' },
    out: { type: 'string', default: fileURLToPath(new URL('./images/', import.meta.url)) },
  },
});
const count = Number(positionals[0] ?? 600);
const layouts = LAYOUTS.filter((layout) => values.layout === undefined || values.layout === layout);
if (!Number.isInteger(count) || count < 1 || layouts.length === 0) {
  process.stderr.write('make-images.ts [COUNT] [--gray] [--layout coco|voc|bdd] [--out FOLDER]\n');
  process.exit(2);
}

const nameOf = (index: number): string => `${String(index).padStart(5, '0')}.jpg`;

const folders = { coco: 'coco/images', voc: 'voc/JPEGImages', bdd: 'bdd/images' } as const;
for (const layout of layouts) await mkdir(join(values.out, folders[layout]), { recursive: true });
const scenes: Scene[] = [];
for (let index = 0; index < count; index++) {
  const scene = drawScene(index, { sidePx: SIDE_PX, seed: SEED, gray: values.gray });
  const raw = { width: SIDE_PX, height: SIDE_PX, channels: 3 } as const;
  const jpeg = await sharp(scene.pixels, { raw }).jpeg({ quality: 92 }).toBuffer();
  for (const layout of layouts) await writeFile(join(values.out, folders[layout], nameOf(index)), jpeg);
  scenes.push(scene);
}

const writers = {
  async coco(root: string): Promise<void> {
    const categories = SHAPES.map((name, index) => ({ id: index + 1, name }));
    const ids = new Map<string, number>(categories.map(({ id, name }) => [name, id]));
    const images = scenes.map((_, id) => ({ id, file_name: nameOf(id), width: SIDE_PX, height: SIDE_PX }));
    const annotations = scenes
      .flatMap(({ boxes }, image) => boxes.map((box) => ({ image, box })))
      .map(({ image, box: { label, xMin, yMin, xMax, yMax } }, id) => {
        const bbox = [xMin, yMin, xMax - xMin, yMax - yMin];
        const area = (xMax - xMin) * (yMax - yMin);
        return { id, image_id: image, category_id: ids.get(label), bbox, area, iscrowd: 0 };
      });
    await mkdir(join(root, 'annotations'), { recursive: true });
    await writeFile(
      join(root, 'annotations/instances_shapes.json'),
      JSON.stringify({ images, annotations, categories }),
    );
  },
  async voc(root: string): Promise<void> {
    await mkdir(join(root, 'Annotations'), { recursive: true });
    for (const [index, { boxes }] of scenes.entries()) {
      const name = nameOf(index);
      const item = { name, width: SIDE_PX, height: SIDE_PX, channels: 3, boxes };
      await writeFile(join(root, 'Annotations', name.replace('.jpg', '.xml')), vocXml(item));
    }
  },
  async bdd(root: string): Promise<void> {
    const frames = scenes.map(({ boxes, attributes }, index) => ({
      ...{ name: nameOf(index), attributes },
      labels: boxes.map(({ label, occluded = false, truncated = false, xMin, yMin, xMax, yMax }, id) => ({
        ...{ id: String(id), category: label, attributes: { occluded, truncated } },
        box2d: { x1: xMin, y1: yMin, x2: xMax, y2: yMax },
      })),
    }));
    await mkdir(join(root, 'labels/det_20'), { recursive: true });
    await writeFile(join(root, 'labels/det_20/det_train.json'), JSON.stringify(frames));
  },
};
for (const layout of layouts) await writers[layout](join(values.out, layout));
const objects = scenes.reduce((sum, { boxes }) => sum + boxes.length, 0);
process.stderr.write(`${values.out}: ${count} pictures with ${objects} shapes (${layouts.join(', ')})\n`);
