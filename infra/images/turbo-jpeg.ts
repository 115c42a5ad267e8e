import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { PlainJpeg } from './formats/plain-jpeg.ts';

const PACKAGE = '@julusian/jpeg-turbo';
/** Beside the package's addon on Linux; elsewhere it is part of the addon. */
const LIBRARY = 'libturbojpeg.so.0';

type Resolve = (folder: string, options: unknown, verify: boolean, mustExist: boolean) => string | null;
/** pkg-prebuilds exports a function that loads, with one beside it that only looks. */
const Prebuilds = z.custom<{ readonly resolve: Resolve }>(
  (value) => typeof value === 'function' && 'resolve' in value && typeof value.resolve === 'function',
);
const Manifest = z.object({ version: z.string() });
const Decompress = z.custom<(file: Buffer, target: Buffer, options: { readonly format: number }) => unknown>(
  (value) => typeof value === 'function',
);
const Binding = z.object({ decompressSync: Decompress, FORMAT_RGB: z.number(), FORMAT_GRAY: z.number() });

interface Found {
  readonly version: string;
  readonly load: () => unknown;
  /** Of the library by itself. */
  readonly library: string | null;
}

/** libjpeg-turbo as the npm package has it for this system; null where it has none. Nothing native is loaded. */
function findTurbo(): Found | null {
  const require = createRequire(import.meta.url);
  let manifestPath: string;
  try {
    manifestPath = require.resolve(`${PACKAGE}/package.json`);
  } catch {
    return null;
  }
  const inside = createRequire(manifestPath);
  const { resolve } = Prebuilds.parse(inside('pkg-prebuilds'));
  const addon = resolve(dirname(manifestPath), inside('./binding-options.js'), false, false);
  if (addon === null) return null;
  const library = join(dirname(addon), LIBRARY);
  return {
    version: Manifest.parse(inside(manifestPath)).version,
    load: () => require(PACKAGE),
    library: existsSync(library) ? library : null,
  };
}

/** Which decoder turns plain JPEGs into pixels here: two of them differ in the last bits. */
export function jpegDecoderName(): string {
  const found = findTurbo();
  return found === null ? 'sharp' : `jpeg-turbo-${found.version}`;
}

/** Where libjpeg-turbo lies as a library by itself, the one that decodes pixels; null where there is none. */
export function turboLibrary(): string | null {
  return findTurbo()?.library ?? null;
}

/** Decodes a plain JPEG into `target`, of height × width × channels bytes; false where it is damaged in any way. */
export type TurboDecode = (file: Buffer, { channels }: PlainJpeg, target: Uint8Array<ArrayBuffer>) => boolean;

/** Loads libjpeg-turbo into this process: for the image child alone. */
export function loadTurbo(): TurboDecode | null {
  const found = findTurbo();
  if (found === null) return null;
  const { decompressSync, FORMAT_GRAY, FORMAT_RGB } = Binding.parse(found.load());
  return (file, { channels }, target) => {
    const pixels = Buffer.from(target.buffer, target.byteOffset, target.length);
    try {
      decompressSync(file, pixels, { format: channels === 1 ? FORMAT_GRAY : FORMAT_RGB });
      return true;
    } catch {
      // It stops at every warning, but can't say which: sharp can.
      return false;
    }
  };
}
