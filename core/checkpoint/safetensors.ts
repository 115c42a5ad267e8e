/**
 * The safetensors format (huggingface/safetensors, README "Format"): an unsigned 64-bit little-endian header size, a JSON
 * header `{name: {dtype, shape, data_offsets: [begin, end]}, __metadata__?: {string: string}}`, then the data without
 * holes. A pure codec: nothing in a file is executed, and every number of a header is checked before it is used.
 */
import type { GraftError } from '../errors.ts';
import { inputError, messageOf } from '../errors.ts';
import type { Result } from '../result.ts';
import { err, ok } from '../result.ts';
import type { SafeDType, TensorData } from './tensor-data.ts';
import { elementBytes, elementCount, isSafeDType } from './tensor-data.ts';

export type { SafeDType, TensorData } from './tensor-data.ts';

/** The format's own limit on the header. */
export const MAX_HEADER_BYTES = 100_000_000;
const PREFIX_BYTES = 8;
const METADATA_KEY = '__metadata__';

/** Where a tensor lies: offsets in bytes from the start of the file. */
export interface TensorEntry {
  readonly dtype: SafeDType;
  readonly shape: readonly number[];
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export interface SafetensorsHeader {
  /** In the order of the data. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Where the data begin: 8 + the size of the JSON. */
  readonly dataOffsetBytes: number;
}

/** What a header says of a tensor before its bytes are at hand. */
export type TensorShape = Pick<TensorData, 'dtype' | 'shape'>;

/**
 * The first bytes of a file (size, JSON, padding with spaces to a multiple of 8) and the order its tensors must follow.
 * Deterministic: wider element types first, then names by code unit, so that every tensor is aligned for a typed-array
 * view; this is also the order of the reference implementation.
 */
export function encodeSafetensorsHeader(
  tensors: ReadonlyMap<string, TensorShape>,
  metadata: Readonly<Record<string, string>> = {},
): { readonly header: Uint8Array; readonly order: readonly string[] } {
  const entries = [...tensors].sort(([nameA, a], [nameB, b]) => {
    const widest = elementBytes(b.dtype) - elementBytes(a.dtype);
    return widest !== 0 ? widest : compare(nameA, nameB);
  });
  const fields: string[] = [];
  const keys = Object.keys(metadata).sort(compare);
  if (keys.length > 0) {
    const pairs = keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`);
    fields.push(`"${METADATA_KEY}":{${pairs.join(',')}}`);
  }
  let offset = 0;
  for (const [name, { dtype, shape }] of entries) {
    if (name === METADATA_KEY) throw new Error(`a tensor may not be named ${METADATA_KEY}`);
    const end = offset + elementCount(shape) * elementBytes(dtype);
    if (!Number.isSafeInteger(end)) throw new Error(`tensor ${name}: shape [${shape.join(', ')}]`);
    fields.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [offset, end] })}`);
    offset = end;
  }
  const json = new TextEncoder().encode(`{${fields.join(',')}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  if (padded > MAX_HEADER_BYTES) throw new Error(`safetensors header of ${padded} bytes`);
  const header = new Uint8Array(PREFIX_BYTES + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(json, PREFIX_BYTES);
  return { header, order: entries.map(([name]) => name) };
}

/** A whole file in memory. Equal tensors and metadata give equal bytes, whatever order the map is in. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, TensorData>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const { header, order } = encodeSafetensorsHeader(tensors, metadata);
  const parts = [header, ...tensorParts(tensors, order)];
  const file = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

/** The data of `order`, each checked against its shape. Throws where they differ: a programming error. */
export function tensorParts(tensors: ReadonlyMap<string, TensorData>, order: readonly string[]): Uint8Array[] {
  return order.map((name) => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(`no tensor ${name}`);
    const expected = elementCount(tensor.shape) * elementBytes(tensor.dtype);
    if (tensor.data.length !== expected) {
      throw new Error(`tensor ${name}: ${tensor.data.length} bytes for ${tensor.dtype} [${tensor.shape.join(', ')}]`);
    }
    return tensor.data;
  });
}

/**
 * How many bytes from the start of a file its header takes (8 + the JSON), read from the first 8 bytes.
 * MODEL_FORMAT where the file can't hold such a header or it is above the format's limit.
 */
export function safetensorsHeaderBytes(
  prefix: Uint8Array,
  fileSizeBytes: number,
  where = 'safetensors',
): Result<number, GraftError> {
  if (prefix.length < PREFIX_BYTES)
    return malformed(where, `${fileSizeBytes} bytes`, 'at least 8 bytes of header size');
  const size = new DataView(prefix.buffer, prefix.byteOffset, PREFIX_BYTES).getBigUint64(0, true);
  if (size > BigInt(MAX_HEADER_BYTES)) {
    return malformed(where, `a header of ${size} bytes`, `at most ${MAX_HEADER_BYTES} bytes`);
  }
  const end = PREFIX_BYTES + Number(size);
  if (end > fileSizeBytes) {
    return malformed(where, `a header of ${size} bytes in a file of ${fileSizeBytes} bytes`, 'a whole file');
  }
  return ok(end);
}

/**
 * Reads a header. `prefix` holds at least the whole header (see `safetensorsHeaderBytes`). MODEL_FORMAT where the
 * header is not what the format says; MODEL_WEIGHTS where it does not fit the data (short or long file, overlaps, gaps).
 */
export function parseSafetensorsHeader(
  prefix: Uint8Array,
  fileSizeBytes: number,
  where = 'safetensors',
): Result<SafetensorsHeader, GraftError> {
  const size = safetensorsHeaderBytes(prefix, fileSizeBytes, where);
  if (!size.ok) return size;
  const dataOffsetBytes = size.value;
  if (prefix.length < dataOffsetBytes)
    return malformed(where, `${prefix.length} bytes`, `${dataOffsetBytes} of header`);
  const json = parseJson(prefix.subarray(PREFIX_BYTES, dataOffsetBytes), where);
  if (!json.ok) return json;
  const entries: [string, TensorEntry][] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(json.value)) {
    if (name === METADATA_KEY) {
      const parsed = parseMetadata(value, where);
      if (!parsed.ok) return parsed;
      metadata = parsed.value;
      continue;
    }
    const entry = parseEntry(value, dataOffsetBytes, `${where}: tensor ${JSON.stringify(name.slice(0, 200))}`);
    if (!entry.ok) return entry;
    entries.push([name, entry.value]);
  }
  entries.sort(([, a], [, b]) => a.offsetBytes - b.offsetBytes || a.sizeBytes - b.sizeBytes);
  let at = dataOffsetBytes;
  for (const [name, entry] of entries) {
    if (entry.offsetBytes !== at) {
      const seen = `tensor ${JSON.stringify(name.slice(0, 200))} begins at byte ${entry.offsetBytes}`;
      return mismatch(where, seen, `byte ${at}: data without overlaps or gaps`);
    }
    at += entry.sizeBytes;
  }
  if (at !== fileSizeBytes) return mismatch(where, `a file of ${fileSizeBytes} bytes`, `${at} bytes by its header`);
  return ok({ tensors: new Map(entries), metadata, dataOffsetBytes });
}

/** A whole file in memory; the tensors are views into `bytes`. Errors as in `parseSafetensorsHeader`. */
export function decodeSafetensors(
  bytes: Uint8Array,
  where = 'safetensors',
): Result<{ readonly tensors: Map<string, TensorData>; readonly metadata: Record<string, string> }, GraftError> {
  const header = parseSafetensorsHeader(bytes, bytes.length, where);
  if (!header.ok) return header;
  const tensors = new Map<string, TensorData>();
  for (const [name, { dtype, shape, offsetBytes, sizeBytes }] of header.value.tensors) {
    tensors.set(name, { dtype, shape, data: bytes.subarray(offsetBytes, offsetBytes + sizeBytes) });
  }
  return ok({ tensors, metadata: { ...header.value.metadata } });
}

function parseJson(bytes: Uint8Array, where: string): Result<Readonly<Record<string, unknown>>, GraftError> {
  // The format wants `{` first, so that no other text (a byte-order mark, white space) is taken for a header.
  if (bytes[0] !== 0x7b) return malformed(where, 'a header that is not a JSON object', 'safetensors');
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (isRecord(value)) return ok(value);
    return malformed(where, 'a header that is not a JSON object', 'safetensors');
  } catch (error) {
    return malformed(where, `a header that is not JSON (${messageOf(error).slice(0, 120)})`, 'safetensors');
  }
}

function parseMetadata(value: unknown, where: string): Result<Record<string, string>, GraftError> {
  if (!isRecord(value)) return malformed(where, `${METADATA_KEY} is not an object`, 'strings by name');
  const metadata: [string, string][] = [];
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') return malformed(where, `${METADATA_KEY}: ${key.slice(0, 200)} is not text`, 'text');
    metadata.push([key, text]);
  }
  return ok(Object.fromEntries(metadata));
}

function parseEntry(value: unknown, dataOffsetBytes: number, where: string): Result<TensorEntry, GraftError> {
  if (!isRecord(value)) return malformed(where, 'not an object', '{dtype, shape, data_offsets}');
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !isSafeDType(dtype)) {
    return malformed(where, `dtype ${String(JSON.stringify(dtype)).slice(0, 40)}`, 'a known element type');
  }
  if (!isNumbers(shape) || shape.length > 32) return malformed(where, 'a shape that is not a list of sizes', '[sizes]');
  const sizeBytes = elementCount(shape) * elementBytes(dtype);
  if (!Number.isSafeInteger(sizeBytes)) {
    return malformed(where, `shape [${shape.join(', ').slice(0, 80)}]`, 'whole numbers ≥ 0 with a product below 2^53');
  }
  const [begin, end] = isNumbers(offsets) ? offsets : [];
  if (!isNumbers(offsets) || offsets.length !== 2 || begin === undefined || end === undefined) {
    return malformed(where, 'data_offsets is not a pair', '[begin, end]');
  }
  if (!Number.isSafeInteger(begin) || !Number.isSafeInteger(end) || begin < 0 || end < begin) {
    return malformed(where, `data_offsets [${begin}, ${end}]`, '0 ≤ begin ≤ end');
  }
  if (end - begin !== sizeBytes) return mismatch(where, `${end - begin} bytes`, `${sizeBytes} bytes by type and shape`);
  return ok({ dtype, shape, offsetBytes: dataOffsetBytes + begin, sizeBytes });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'number');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const malformed = (where: string, seen: string, expected: string): Result<never, GraftError> =>
  err(inputError('MODEL_FORMAT', where, seen, expected, 'make or download the file again'));

const mismatch = (where: string, seen: string, expected: string): Result<never, GraftError> =>
  err(inputError('MODEL_WEIGHTS', where, seen, expected, 'make or download the file again'));
