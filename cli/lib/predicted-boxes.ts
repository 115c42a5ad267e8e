import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { escapeHtml } from '../../core/dataset/report-page.ts';
import type { FoundObject } from '../../core/detection/found-objects.ts';

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
