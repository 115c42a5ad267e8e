import type { GraftError } from '../../core/errors.ts';
import { inputError } from '../../core/errors.ts';

/** Why a picture can't be used; the parts of an error that lack only the file's name. */
export interface ImageProblem {
  readonly code: string;
  readonly seen: string;
  readonly expected: string;
  readonly remedy: string;
}

export function problem(code: string, seen: string, expected: string, remedy: string): ImageProblem {
  return { code, seen, expected, remedy };
}

export const truncated = (seen: string): ImageProblem =>
  problem('IMAGE_TRUNCATED', seen, 'the whole file', 'copy or download it again, or remove it');

export const corrupt = (seen: string): ImageProblem =>
  problem('IMAGE_CORRUPT', seen, 'an undamaged file', 'copy or download it again, or remove it');

export const tooManyPixels = (width: number, height: number, maxPixels: number): ImageProblem =>
  problem('IMAGE_PIXELS', `${width}×${height} pixels`, `at most ${maxPixels / 1e6} megapixels`, 'scale it down');

/** Stills only: which frame of an animation is meant, nobody but its owner knows. */
export const tooManyFrames = (seen: string): ImageProblem =>
  problem('IMAGE_FRAMES', seen, 'a still picture of one frame', 'save the frame that is meant as a picture of its own');

export const problemError = (found: ImageProblem, path: string): GraftError =>
  inputError(found.code, path, found.seen, found.expected, found.remedy);
