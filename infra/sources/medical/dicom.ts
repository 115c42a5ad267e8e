import dicomParser from 'dicom-parser';
import type { DataSet } from 'dicom-parser';
import { fullRange, windowed } from '../../../core/dataset/window.ts';
import type { Window } from '../../../core/dataset/window.ts';
import type { GraftError } from '../../../core/errors.ts';
import { inputError, messageOf } from '../../../core/errors.ts';
import { defaultLimits } from '../../images/limits.ts';

/** What a DICOM file shows, ready to be a picture of its own. */
export type DicomPicture =
  | {
      readonly kind: 'pixels';
      readonly width: number;
      readonly height: number;
      readonly channels: 1 | 3;
      readonly data: Uint8Array;
    }
  /** A JPEG as it lies in the file. */
  | { readonly kind: 'jpeg'; readonly data: Uint8Array };

const IMPLICIT_LITTLE = '1.2.840.10008.1.2';
const EXPLICIT_LITTLE = '1.2.840.10008.1.2.1';
const EXPLICIT_BIG = '1.2.840.10008.1.2.2';
const JPEG_BASELINE = '1.2.840.10008.1.2.4.50';

export const isDicom = (head: Uint8Array): boolean =>
  head.length >= 132 && Buffer.from(head.buffer, head.byteOffset + 128, 4).toString('latin1') === 'DICM';

/**
 * One frame of a DICOM file (PS3.3 C.7.6.3): stored values through the modality's slope and intercept, then the window that
 * is asked for, else the file's first, else its full range; MONOCHROME1 is turned over. Native pixels and baseline JPEG;
 * anything else is DICOM_SYNTAX. DICOM_CORRUPT, IMAGE_PIXELS, IMAGE_FRAMES, IMAGE_BYTES: all before pixels are touched.
 */
export function readDicom(bytes: Buffer, where: string, window: Window | null): DicomPicture {
  if (bytes.length > defaultLimits.maxBytes) {
    throw inputError('IMAGE_BYTES', where, `${bytes.length} bytes`, `at most ${defaultLimits.maxBytes}`, 'split it');
  }
  const data = parse(bytes, where);
  const width = data.uint16('x00280011') ?? 0;
  const height = data.uint16('x00280010') ?? 0;
  if (width * height === 0) throw corrupt(where, `${width}×${height} pixels`);
  if (width * height > defaultLimits.maxPixels) {
    throw inputError(
      'IMAGE_PIXELS',
      where,
      `${width}×${height}`,
      `at most ${defaultLimits.maxPixels / 1e6} megapixels`,
    );
  }
  const frames = data.intString('x00280008') ?? 1;
  if (frames !== 1) {
    throw inputError('IMAGE_FRAMES', where, `${frames} frames`, 'one frame', 'save the frame that is meant by itself');
  }
  const syntax = data.string('x00020010') ?? IMPLICIT_LITTLE;
  if (syntax === JPEG_BASELINE) return { kind: 'jpeg', data: encapsulated(data, where) };
  if (![IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG].includes(syntax))
    throw unread(where, `transfer syntax ${syntax}`);
  return nativePixels(data, { width, height, where, bigEndian: syntax === EXPLICIT_BIG }, window);
}

function parse(bytes: Buffer, where: string): DataSet {
  try {
    return dicomParser.parseDicom(bytes);
  } catch (error) {
    // The library throws texts and objects too.
    const said =
      typeof error === 'object' && error !== null && 'exception' in error ? String(error.exception) : messageOf(error);
    throw corrupt(where, said.slice(0, 200));
  }
}

function encapsulated(data: DataSet, where: string): Uint8Array {
  const element = data.elements['x7fe00010'];
  const fragments = element?.fragments ?? [];
  if (fragments.length === 0) throw corrupt(where, 'no pixel data');
  return Buffer.concat(
    fragments.map(({ position, length }) => Buffer.from(data.byteArray.subarray(position, position + length))),
  );
}

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly where: string;
  readonly bigEndian: boolean;
}

function nativePixels(data: DataSet, frame: Frame, window: Window | null): DicomPicture {
  const { width, height, where } = frame;
  const kind = data.string('x00280004') ?? '';
  const samples = data.uint16('x00280002') ?? 1;
  const allocated = data.uint16('x00280100') ?? 0;
  const bytes = pixelBytes(data, (width * height * samples * allocated) / 8, where);
  if (kind === 'RGB' && samples === 3 && allocated === 8) {
    const planar = data.uint16('x00280006') === 1;
    return { kind: 'pixels', width, height, channels: 3, data: planar ? interleaved(bytes) : Uint8Array.from(bytes) };
  }
  if (!/^MONOCHROME[12]$/.test(kind) || samples !== 1 || (allocated !== 8 && allocated !== 16)) {
    throw unread(where, `${kind || 'pixels'} of ${samples} × ${allocated} bits`);
  }
  const values = modalityValues(data, bytes, frame, allocated);
  const show = shownBy(data, window, values);
  const turned = kind === 'MONOCHROME1';
  const shown = Uint8Array.from(values, (value) => {
    const gray = Math.round(Math.min(255, Math.max(0, show(value))));
    return turned ? 255 - gray : gray;
  });
  return { kind: 'pixels', width, height, channels: 1, data: shown };
}

function pixelBytes(data: DataSet, wanted: number, where: string): Buffer {
  const element = data.elements['x7fe00010'];
  const found = element === undefined ? 0 : Math.min(element.length, data.byteArray.length - element.dataOffset);
  if (element === undefined || found < wanted) {
    throw inputError('IMAGE_TRUNCATED', where, `${found} bytes of pixels`, `${wanted}`, 'copy it again');
  }
  return Buffer.from(data.byteArray.subarray(element.dataOffset, element.dataOffset + wanted));
}

/** Stored bits, sign and the modality's line (PS3.3 C.11.1). */
function modalityValues(data: DataSet, bytes: Buffer, { bigEndian }: Frame, allocated: number): Float64Array {
  const stored = Math.min(allocated, data.uint16('x00280101') ?? allocated);
  const shift = Math.max(0, (data.uint16('x00280102') ?? stored - 1) + 1 - stored);
  const signed = data.uint16('x00280103') === 1;
  const slope = data.floatString('x00281053') ?? 1;
  const intercept = data.floatString('x00281052') ?? 0;
  const values = new Float64Array((bytes.length * 8) / allocated);
  const unused = 32 - stored;
  for (let i = 0; i < values.length; i++) {
    const raw = allocated === 8 ? (bytes[i] ?? 0) : bigEndian ? bytes.readUInt16BE(2 * i) : bytes.readUInt16LE(2 * i);
    const bits = (raw >>> shift) << unused;
    values[i] = (signed ? bits >> unused : bits >>> unused) * slope + intercept;
  }
  return values;
}

function shownBy(data: DataSet, asked: Window | null, values: Float64Array): (value: number) => number {
  const center = asked?.center ?? data.floatString('x00281050');
  const width = asked?.width ?? data.floatString('x00281051');
  const usable = center !== undefined && width !== undefined && Number.isFinite(center) && width >= 1;
  return usable ? (value) => windowed(value, { center, width }) : fullRange(values);
}

/** Red, green and blue one behind the other, to one beside the other. */
function interleaved(planes: Uint8Array): Uint8Array {
  const pixels = planes.length / 3;
  return Uint8Array.from(planes, (_, i) => planes[(i % 3) * pixels + Math.floor(i / 3)] ?? 0);
}

const corrupt = (where: string, seen: string): GraftError =>
  inputError('DICOM_CORRUPT', where, seen, 'a DICOM file', 'copy it again or remove it');

const unread = (where: string, seen: string): GraftError =>
  inputError('DICOM_SYNTAX', where, seen, 'native gray or RGB pixels, or baseline JPEG', 'convert it: gdcmconv --raw');
