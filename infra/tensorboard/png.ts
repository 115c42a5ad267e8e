import sharp from 'sharp';
import type { Picture } from '../../core/summaries/summary.ts';

/** The PNG of pixels that graft itself has rendered: nothing foreign is decoded here. */
export function pngOf({ pixels, widthPx: width, heightPx: height, channels }: Picture): Promise<Buffer> {
  return sharp(pixels, { raw: { width, height, channels } }).png().toBuffer();
}
