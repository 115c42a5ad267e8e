import { open } from 'node:fs/promises';
import sharp from 'sharp';
import type { SharpOptions } from 'sharp';
import { extensionOf } from '../../core/dataset/names.ts';
import { errnoOf, messageOf } from '../../core/errors.ts';
import type { ImageInfo, RenderSpec } from '../ports/image-decoder.ts';
import { checkBytes, sizeProblem } from './check-bytes.ts';
import type { ImageLimits } from './limits.ts';
import { corrupt, problem, tooManyFrames, tooManyPixels, truncated } from './problem.ts';
import type { ImageProblem } from './problem.ts';

export type Decoded<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: ImageProblem };

/**
 * One thread an image (several images run at once), no cache (no image comes twice), and no loader but those of the
 * accepted formats, whatever a file makes libvips believe it is.
 */
export function configureSharp(): void {
  sharp.concurrency(1);
  sharp.cache(false);
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({
    operation: ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Tiff'].map((format) => `VipsForeignLoad${format}Buffer`),
  });
}

/** Above it, a picture is shrunk as it streams by, instead of being held whole. */
const HELD_PIXELS = 4_000_000;

/** Decodes the whole picture and says what it is. */
export async function inspectImage(path: string, limits: ImageLimits): Promise<Decoded<ImageInfo>> {
  return withImage(path, limits, async (bytes, options) => {
    const { autoOrient, space, hasAlpha, format } = await sharp(bytes, options).metadata();
    const decoded = sharp(bytes, options);
    const large = autoOrient.width * autoOrient.height > HELD_PIXELS;
    await (large ? decoded.resize(16, 16, { fit: 'fill', kernel: 'linear' }) : decoded).raw().toBuffer();
    const gray = space === 'b-w' || space === 'grey16';
    const channels = (gray ? 1 : 3) + (hasAlpha ? 1 : 0);
    return { format, width: autoOrient.width, height: autoOrient.height, channels };
  });
}

const BLACK = { r: 0, g: 0, b: 0 };
const FIT = { stretch: 'fill', pad: 'contain', crop: 'cover' } as const;

/**
 * heightPx × widthPx × channels bytes, row by row. In this order: turned upright by EXIF; transparency over black; to
 * 8-bit sRGB (CMYK by libvips' own profile, 16 bits to their upper half, palettes to their colours); resized by
 * Catmull–Rom with antialiasing, in gamma space. Embedded colour profiles are ignored, as in the decoders that the
 * pretrained weights saw. Gray is Rec. 601 luma: (299 R + 587 G + 114 B) / 1000, rounded.
 */
export async function renderImage(path: string, spec: RenderSpec, limits: ImageLimits): Promise<Decoded<Uint8Array>> {
  return withImage(path, limits, async (bytes, options) => {
    const { data, info } = await sharp(bytes, options)
      .autoOrient()
      .flatten({ background: BLACK })
      .resize(spec.widthPx, spec.heightPx, {
        fit: FIT[spec.resize],
        position: 'centre',
        background: BLACK,
        kernel: 'cubic',
        // Off, so that the last factor of two at least is the kernel's: the same result whatever the JPEG's own scaling.
        fastShrinkOnLoad: false,
      })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const pixels = spec.heightPx * spec.widthPx;
    if (data.length !== pixels * info.channels) throw new Error(`${data.length} bytes for ${pixels} pixels`);
    return toChannels(data, info.channels, spec.channels);
  });
}

function toChannels(data: Buffer, from: number, to: 1 | 3): Uint8Array {
  if (from === to) return data;
  if (from !== 1 && from !== 3) throw new Error(`${from} channels`);
  const pixels = data.length / from;
  const result = new Uint8Array(pixels * to);
  for (let i = 0; i < pixels; i++) {
    if (to === 1) {
      const [r = 0, g = 0, b = 0] = [data[3 * i], data[3 * i + 1], data[3 * i + 2]];
      result[i] = Math.floor((299 * r + 587 * g + 114 * b + 500) / 1000);
    } else result.fill(data[i] ?? 0, 3 * i, 3 * i + 3);
  }
  return result;
}

async function withImage<T>(
  path: string,
  limits: ImageLimits,
  work: (bytes: Buffer, options: SharpOptions) => Promise<T>,
): Promise<Decoded<T>> {
  const read = await readImage(path, limits);
  if (!read.ok) return read;
  const bytes = read.value;
  const checked = checkBytes(bytes, extensionOf(path), limits);
  if (!checked.ok) return checked;
  if (checked.format === 'tiff') {
    const wrong = await tiffProblem(bytes, limits);
    if (wrong !== null) return { ok: false, problem: wrong };
  }
  const options: SharpOptions = {
    failOn: 'warning',
    limitInputPixels: limits.maxPixels,
    sequentialRead: true,
    ignoreIcc: true,
  };
  return attempt(
    limits,
    () => work(bytes, options),
    () => work(bytes, { ...options, failOn: 'error' }),
  );
}

/**
 * Strict first: a warning is a damaged picture that would be rendered with holes. One warning is harmless, an odd
 * revision number in the JFIF header, which many cameras and old tools wrote.
 */
async function attempt<T>(
  limits: ImageLimits,
  strict: () => Promise<T>,
  lenient: () => Promise<T>,
): Promise<Decoded<T>> {
  try {
    return { ok: true, value: await strict() };
  } catch (error) {
    const lines = [...new Set(messageOf(error).split('\n'))];
    if (!lines.every((line) => line.includes('JFIF revision'))) {
      return { ok: false, problem: decodeProblem(lines, limits) };
    }
  }
  try {
    return { ok: true, value: await lenient() };
  } catch (error) {
    return { ok: false, problem: decodeProblem([messageOf(error)], limits) };
  }
}

function decodeProblem(lines: readonly string[], { maxPixels }: ImageLimits): ImageProblem {
  const seen = lines.join('; ').replaceAll(/\s+/g, ' ').slice(0, 200);
  if (/premature end of JPEG|ended prematurely|truncated/i.test(seen)) return truncated(seen);
  if (/pixel limit/i.test(seen)) {
    return problem('IMAGE_PIXELS', seen, `at most ${maxPixels / 1e6} megapixels`, 'scale it down');
  }
  return corrupt(seen);
}

async function tiffProblem(bytes: Buffer, { maxPixels }: ImageLimits): Promise<ImageProblem | null> {
  try {
    const { width, height, pages } = await sharp(bytes, { limitInputPixels: false }).metadata();
    if (width * height > maxPixels) return tooManyPixels(width, height, maxPixels);
    return pages !== undefined && pages > 1 ? tooManyFrames(`a TIFF of ${pages} pages`) : null;
  } catch (error) {
    return corrupt(messageOf(error).slice(0, 200));
  }
}

/** The file's bytes, after a look at its size. */
async function readImage(path: string, limits: ImageLimits): Promise<Decoded<Buffer>> {
  try {
    const file = await open(path, 'r');
    try {
      const wrong = sizeProblem((await file.stat()).size, limits);
      return wrong === null ? { ok: true, value: await file.readFile() } : { ok: false, problem: wrong };
    } finally {
      await file.close();
    }
  } catch (error) {
    const seen = errnoOf(error) ?? messageOf(error);
    return { ok: false, problem: problem('IMAGE_UNREADABLE', seen, 'a readable file', 'check the file and its mode') };
  }
}
