import sharp from 'sharp';
import { messageOf } from '../../core/errors.ts';
import type { ImageLimits } from './limits.ts';
import { corrupt, problem, tooManyFrames, tooManyPixels, truncated } from './problem.ts';
import type { ImageProblem } from './problem.ts';
import type { Decoded } from './read-image.ts';

/**
 * Strict first: a warning is a damaged picture that would be rendered with holes. One warning is harmless, an odd
 * revision number in the JFIF header, which many cameras and old tools wrote.
 */
export async function attempt<T>(
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

export async function tiffProblem(bytes: Buffer, { maxPixels }: ImageLimits): Promise<ImageProblem | null> {
  try {
    const { width, height, pages } = await sharp(bytes, { limitInputPixels: false }).metadata();
    if (width * height > maxPixels) return tooManyPixels(width, height, maxPixels);
    return pages !== undefined && pages > 1 ? tooManyFrames(`a TIFF of ${pages} pages`) : null;
  } catch (error) {
    return corrupt(messageOf(error).slice(0, 200));
  }
}
