import { checkGif } from './formats/gif.ts';
import { checkJpeg } from './formats/jpeg.ts';
import { checkPng } from './formats/png.ts';
import { promisedFormat, sniff } from './formats/sniff.ts';
import type { AcceptedFormat } from './formats/sniff.ts';
import { checkWebp } from './formats/webp.ts';
import type { ImageLimits } from './limits.ts';
import { problem } from './problem.ts';
import type { ImageProblem } from './problem.ts';

export type CheckedBytes =
  { readonly ok: true; readonly format: AcceptedFormat } | { readonly ok: false; readonly problem: ImageProblem };

const NAMES: Readonly<Record<AcceptedFormat, string>> = {
  jpeg: 'JPEG',
  png: 'PNG',
  webp: 'WebP',
  gif: 'GIF',
  tiff: 'TIFF',
};
const ANY = 'a JPEG, PNG, WebP, GIF or TIFF picture';

/**
 * Everything that can be said of a file before a decoder touches it. `extension` (lower case, no dot) may be empty; a
 * promise it makes must hold: IMAGE_EMPTY, IMAGE_BYTES, IMAGE_FORMAT_BLOCKED, IMAGE_TYPE_MISMATCH, IMAGE_TRUNCATED,
 * IMAGE_CORRUPT, IMAGE_PIXELS, IMAGE_FRAMES. TIFF's directories are left to its library, which reads them alone.
 */
export function checkBytes(bytes: Buffer, extension: string, limits: ImageLimits): CheckedBytes {
  const tooLong = sizeProblem(bytes.length, limits);
  if (tooLong !== null) return { ok: false, problem: tooLong };
  const found = sniff(bytes);
  const promised = promisedFormat(extension);
  const expected = promised === undefined ? ANY : `a ${NAMES[promised]} picture, as its name says`;
  if (found.kind === 'blocked') {
    const remedy = 'convert it to JPEG or PNG';
    return { ok: false, problem: problem('IMAGE_FORMAT_BLOCKED', `${found.name}, by its first bytes`, ANY, remedy) };
  }
  if (found.kind === 'other') {
    return { ok: false, problem: mismatch(`${found.description}, which is no picture`, expected) };
  }
  if (promised !== undefined && promised !== found.format) {
    return { ok: false, problem: mismatch(`a ${NAMES[found.format]} picture, by its first bytes`, expected) };
  }
  const wrong = structureProblem(bytes, found.format, limits);
  return wrong === null ? { ok: true, format: found.format } : { ok: false, problem: wrong };
}

/** What the size of a file alone says. */
export function sizeProblem(sizeBytes: number, { maxBytes }: ImageLimits): ImageProblem | null {
  if (sizeBytes === 0) return problem('IMAGE_EMPTY', '0 bytes', 'a picture', 'copy it again or remove it');
  if (sizeBytes <= maxBytes) return null;
  const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  return problem('IMAGE_BYTES', mib(sizeBytes), `at most ${mib(maxBytes)}`, 'save it smaller or as JPEG');
}

const mismatch = (seen: string, expected: string): ImageProblem =>
  problem('IMAGE_TYPE_MISMATCH', seen, expected, 'rename, replace or remove it');

function structureProblem(bytes: Buffer, format: AcceptedFormat, limits: ImageLimits): ImageProblem | null {
  switch (format) {
    case 'jpeg':
      return checkJpeg(bytes, limits);
    case 'png':
      return checkPng(bytes, limits);
    case 'gif':
      return checkGif(bytes, limits);
    case 'webp':
      return checkWebp(bytes, limits);
    case 'tiff':
      return null;
  }
}
