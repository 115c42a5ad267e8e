import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import type { ModelVersion } from '../../contracts/registry.ts';
import type { MlEvent } from '../../contracts/ml-protocol.ts';
import { escapeHtml } from '../../core/dataset/report-page.ts';
import { boxInPicture, placementOf } from '../../core/dataset/framing.ts';

/** An object that was found; the box is left, top, width and height in pixels of the upright picture, as COCO has it. */
export interface FoundObject {
  readonly label: string;
  readonly score: number;
  readonly box: readonly [number, number, number, number];
}

type RawDetections = NonNullable<Extract<MlEvent, { kind: 'predicted' }>['detections']>[number];

/** What a detector said of one picture, in the picture's own pixels, surest first. */
export function objectsOf(
  raw: RawDetections,
  { classes, image }: ModelVersion['model'],
  size: { readonly width: number; readonly height: number },
  { top, minScore }: { readonly top: number; readonly minScore: number },
): FoundObject[] {
  const placement = placementOf(image, size.width, size.height);
  return raw
    .filter(({ score }) => score >= minScore)
    .slice(0, top)
    .map(({ label, score, box: [yMin, xMin, yMax, xMax] }) => {
      const { widthPx, heightPx } = image;
      const frame = { xMin: xMin * widthPx, yMin: yMin * heightPx, xMax: xMax * widthPx, yMax: yMax * heightPx };
      return { label: classes[label] ?? String(label), score, box: cut(boxInPicture(frame, placement), size) };
    });
}

function cut(
  { xMin, yMin, xMax, yMax }: { xMin: number; yMin: number; xMax: number; yMax: number },
  { width, height }: { readonly width: number; readonly height: number },
): FoundObject['box'] {
  const within = (value: number, most: number): number => Math.round(Math.min(most, Math.max(0, value)) * 100) / 100;
  const [left, top] = [within(xMin, width), within(yMin, height)];
  const side = (to: number, from: number): number => Math.round((to - from) * 100) / 100;
  return [left, top, side(within(xMax, width), left), side(within(yMax, height), top)];
}

/** Small pictures are drawn larger, so that words fit. */
const LEAST_PX = 512;

/** The picture with its boxes, as a JPEG in `folder` under its own name. */
export async function drawObjects(path: string, found: readonly FoundObject[], folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const upright = await sharp(path).rotate().removeAlpha().toColourspace('srgb').toBuffer({ resolveWithObject: true });
  const { width, height } = upright.info;
  const zoom = Math.max(1, Math.ceil(LEAST_PX / Math.max(width, height)));
  const [w, h] = [width * zoom, height * zoom];
  const drawn = await sharp(upright.data)
    .resize(w, h, { kernel: 'nearest' })
    .composite([{ input: Buffer.from(overlay(found, { w, h, zoom })) }])
    .jpeg({ quality: 90 })
    .toBuffer();
  const file = join(folder, `${basename(path).replace(/\.[^.]+$/, '')}.boxes.jpg`);
  await writeFile(file, drawn);
  return file;
}

function overlay(found: readonly FoundObject[], { w, h, zoom }: { w: number; h: number; zoom: number }): string {
  const shapes = found.map(({ label, score, box: [x, y, width, height] }) => {
    const place = `x="${x * zoom}" y="${y * zoom}"`;
    const rect = `<rect ${place} width="${width * zoom}" height="${height * zoom}" fill="none" stroke="#f22" stroke-width="2"/>`;
    const words = `${escapeHtml(label)} ${score.toFixed(2)}`;
    const text = `<text x="${x * zoom + 2}" y="${Math.max(12, y * zoom - 3)}" font-size="13" font-family="sans-serif" fill="#f22" stroke="#fff" stroke-width="0.4">${words}</text>`;
    return `${rect}${text}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}">${shapes.join('')}</svg>`;
}
