import sharp from 'sharp';
import type { Sharp, SharpOptions } from 'sharp';
import { placementOf } from '../../core/dataset/framing.ts';
import type { Placement } from '../../core/dataset/framing.ts';
import { encodeLook, lookOf } from '../../core/dataset/look.ts';
import type { Pixels } from '../../core/dataset/look.ts';
import { extensionOf } from '../../core/dataset/names.ts';
import type { ImageInfo, RenderSpec } from '../ports/image-decoder.ts';
import { checkBytes } from './check-bytes.ts';
import { plainJpeg } from './formats/plain-jpeg.ts';
import type { PlainJpeg } from './formats/plain-jpeg.ts';
import type { ImageLimits } from './limits.ts';
import { ImageReader } from './read-image.ts';
import type { Decoded, HeldBytes } from './read-image.ts';
import type { NativeResampler } from './resample/native-resampler.ts';
import type { Channels } from './resample/layout.ts';
import { Resampler } from './resample/resampler.ts';
import type { Resampled } from './resample/resampler.ts';
import { attempt, tiffProblem } from './sharp-problems.ts';
import type { TurboDecode } from './turbo-jpeg.ts';

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
/** Beyond it the resampler's coefficients get too coarse: libvips shrinks first. */
const MAX_FACTOR = 16;
/** What is left of a large picture to look at. */
const LOOKED_AT = { width: 256, height: 256 };
const BLACK = { r: 0, g: 0, b: 0 };
const FIT = { stretch: 'fill', pad: 'contain', crop: 'cover' } as const;
/** Off, so that the last factor of two at least is the kernel's: the same result whatever a JPEG's own scaling. */
const KERNEL = { kernel: 'cubic', fastShrinkOnLoad: false } as const;

export interface DecoderOptions {
  readonly limits: ImageLimits;
  /** For plain JPEGs; without it sharp decodes them too. */
  readonly turbo: TurboDecode | null;
  /** For faster resizing with the same result. */
  readonly resampler?: NativeResampler | null;
}

interface Asked {
  readonly path: string;
  readonly held: HeldBytes | null;
  readonly read?: ((bytes: Buffer) => void) | undefined;
}

/** Checks, measures and renders one picture at a time; each call is to wait for the one before. */
export class PictureDecoder {
  private readonly options: DecoderOptions;
  private readonly reader = new ImageReader();
  private readonly resampler: Resampler;
  /** For pixels that only have to be decodable, and are looked at once. */
  private unseen = new Uint8Array(0);

  constructor(options: DecoderOptions) {
    this.options = options;
    this.resampler = new Resampler(options.resampler ?? null);
  }

  /**
   * Decodes the whole picture and says what it is. The file is not opened where its bytes are held. `read` is told of the
   * bytes before anything decodes them; they hold until the next call.
   */
  inspect(path: string, held: HeldBytes | null = null, read?: (bytes: Buffer) => void): Promise<Decoded<ImageInfo>> {
    return this.withImage({ path, held, read }, (bytes) => this.inspectJpeg(bytes), inspectBySharp);
  }

  /**
   * heightPx × widthPx × channels bytes, row by row, which hold until the next call. In this order: turned upright by EXIF; transparency over black; to
   * 8-bit sRGB (CMYK by libvips' own profile, 16 bits to their upper half, palettes to their colours); resized by
   * Catmull–Rom with antialiasing, in gamma space. Embedded colour profiles are ignored, as in the decoders that the
   * pretrained weights saw. Gray is Rec. 601 luma: (299 R + 587 G + 114 B) / 1000, rounded.
   */
  render(path: string, spec: RenderSpec, held: HeldBytes | null = null): Promise<Decoded<Uint8Array>> {
    return this.withImage(
      { path, held },
      (bytes) => this.renderJpeg(bytes, spec),
      (bytes, options) => this.renderBySharp(bytes, options, spec),
    );
  }

  private inspectJpeg(bytes: Buffer): ImageInfo | null {
    const found = this.plainJpegOf(bytes);
    if (found === null) return null;
    const { width, height, channels } = found.jpeg;
    const sizeBytes = width * height * channels;
    if (this.unseen.length < sizeBytes) this.unseen = new Uint8Array(sizeBytes);
    if (!found.turbo(bytes, found.jpeg, this.unseen)) return null;
    const look = lookText({ data: this.unseen, width, height, channels });
    return { format: 'jpeg', width, height, channels, look };
  }

  private renderJpeg(bytes: Buffer, spec: RenderSpec): Uint8Array | null {
    const found = this.plainJpegOf(bytes);
    if (found === null) return null;
    const { jpeg, turbo } = found;
    const placement = heldPlacement(spec, jpeg.width, jpeg.height);
    if (placement === null) return null;
    const shape = { ...placement, channels: jpeg.channels };
    const byPlanes = jpeg.sampling === null ? null : this.resampler.resampleJpeg(bytes, shape, jpeg.sampling);
    if (byPlanes !== null) return framed(byPlanes, shape, spec);
    return turbo(bytes, jpeg, this.resampler.source(shape))
      ? framed(this.resampler.resample(shape), shape, spec)
      : null;
  }

  private plainJpegOf(bytes: Buffer): { readonly jpeg: PlainJpeg; readonly turbo: TurboDecode } | null {
    const { turbo } = this.options;
    const jpeg = turbo === null ? null : plainJpeg(bytes);
    return turbo === null || jpeg === null || jpeg.width * jpeg.height > HELD_PIXELS ? null : { jpeg, turbo };
  }

  private async renderBySharp(bytes: Buffer, options: SharpOptions, spec: RenderSpec): Promise<Uint8Array> {
    const { autoOrient } = await sharp(bytes, options).metadata();
    const placement = heldPlacement(spec, autoOrient.width, autoOrient.height);
    if (placement === null) return resizeBySharp(bytes, options, spec, autoOrient);
    const upright = sharp(bytes, options).autoOrient().flatten({ background: BLACK });
    const { data, channels } = await rawPixels(upright, autoOrient.width * autoOrient.height);
    const shape = { ...placement, channels };
    this.resampler.source(shape).set(data);
    return framed(this.resampler.resample(shape), shape, spec);
  }

  /** `first` may pass a picture on, by null; sharp decides about every picture that is anything but plain and whole. */
  private async withImage<T>(
    { path, held, read: told }: Asked,
    first: (bytes: Buffer) => T | null,
    bySharp: (bytes: Buffer, options: SharpOptions) => Promise<T>,
  ): Promise<Decoded<T>> {
    const { limits } = this.options;
    const read = this.reader.read(path, limits, held);
    if (!read.ok) return read;
    const bytes = read.value;
    told?.(bytes);
    const checked = checkBytes(bytes, extensionOf(path), limits);
    if (!checked.ok) return checked;
    if (checked.format === 'tiff') {
      const wrong = await tiffProblem(bytes, limits);
      if (wrong !== null) return { ok: false, problem: wrong };
    }
    const value = checked.format === 'jpeg' ? first(bytes) : null;
    if (value !== null) return { ok: true, value };
    const options: SharpOptions = {
      failOn: 'warning',
      limitInputPixels: limits.maxPixels,
      sequentialRead: true,
      ignoreIcc: true,
    };
    return attempt(
      limits,
      () => bySharp(bytes, options),
      () => bySharp(bytes, { ...options, failOn: 'error' }),
    );
  }
}

/** In the middle of black where it does not fill the frame. */
function framed(
  { pixels, rowBytes }: Resampled,
  { height, width, top, left, channels }: Placement & { readonly channels: Channels },
  spec: RenderSpec,
): Uint8Array {
  const frameRowBytes = spec.widthPx * channels;
  const isWhole = height.toPx === spec.heightPx && width.toPx === spec.widthPx && rowBytes === frameRowBytes;
  if (isWhole) return toChannels(pixels, channels, spec.channels);
  const frame = new Uint8Array(spec.heightPx * frameRowBytes);
  for (let row = 0; row < height.toPx; row++) {
    const from = pixels.subarray(row * rowBytes, row * rowBytes + width.toPx * channels);
    frame.set(from, (top + row) * frameRowBytes + left * channels);
  }
  return toChannels(frame, channels, spec.channels);
}

/** Null where the resampler is not for it: the picture is too large to be held, or shrinks too much. */
function heldPlacement(spec: RenderSpec, width: number, height: number): Placement | null {
  const placement = placementOf(spec, width, height);
  const fits = Math.max(placement.height.factor, placement.width.factor) <= MAX_FACTOR;
  return fits && width * height <= HELD_PIXELS ? placement : null;
}

async function inspectBySharp(bytes: Buffer, options: SharpOptions): Promise<ImageInfo> {
  const { autoOrient, space, hasAlpha, format } = await sharp(bytes, options).metadata();
  const { width, height } = autoOrient;
  const decoded = sharp(bytes, options).autoOrient().flatten({ background: BLACK });
  const large = width * height > HELD_PIXELS;
  const seen = large ? LOOKED_AT : { width, height };
  const resized = large ? decoded.resize(seen.width, seen.height, { fit: 'fill', kernel: 'linear' }) : decoded;
  const pixels = await rawPixels(resized, seen.width * seen.height);
  const gray = space === 'b-w' || space === 'grey16';
  const channels = (gray ? 1 : 3) + (hasAlpha ? 1 : 0);
  return { format, width, height, channels, look: lookText({ ...pixels, ...seen }) };
}

const lookText = (pixels: Pixels): string => Buffer.from(encodeLook(lookOf(pixels))).toString('base64');

/** The same in one pass of libvips, which holds a few rows at a time; JPEGs are shrunk while they are decoded. */
async function resizeBySharp(
  bytes: Buffer,
  options: SharpOptions,
  spec: RenderSpec,
  seen: { readonly width: number; readonly height: number },
): Promise<Uint8Array> {
  const upright = sharp(bytes, options).autoOrient().flatten({ background: BLACK });
  const resized =
    spec.resize === 'keep-aspect'
      ? placed(upright, spec, placementOf(spec, seen.width, seen.height))
      : upright.resize(spec.widthPx, spec.heightPx, {
          ...{ fit: FIT[spec.resize], position: 'centre', background: BLACK },
          ...KERNEL,
        });
  const { data, channels } = await rawPixels(resized, spec.heightPx * spec.widthPx);
  return toChannels(data, channels, spec.channels);
}

function placed(picture: Sharp, { heightPx, widthPx }: RenderSpec, { height, width, top, left }: Placement): Sharp {
  const [bottom, right] = [heightPx - top - height.toPx, widthPx - left - width.toPx];
  return picture
    .resize(width.toPx, height.toPx, { fit: 'fill', ...KERNEL })
    .extend({ top, left, bottom, right, background: BLACK });
}

async function rawPixels(picture: Sharp, pixels: number): Promise<{ data: Uint8Array; channels: Channels }> {
  const { data, info } = await picture
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const { channels } = info;
  if (channels !== 1 && channels !== 3) throw new Error(`${channels} channels`);
  if (data.length !== pixels * channels) throw new Error(`${data.length} bytes for ${pixels} pixels`);
  return { data, channels };
}

function toChannels(data: Uint8Array, from: Channels, to: Channels): Uint8Array {
  if (from === to) return data;
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
