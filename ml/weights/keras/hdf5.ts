import type { TensorData } from '../../../core/checkpoint/tensor-data.ts';
import { elementBytes, elementCount } from '../../../core/checkpoint/tensor-data.ts';
import type { SafeDType } from '../../../core/checkpoint/tensor-data.ts';
import { GraftError, inputError, messageOf } from '../../../core/errors.ts';
import type { Dataset, File, Group } from 'h5wasm';

/** Bounds on what a file may make the reader walk through; the largest networks have a tenth of it. */
const MAX_OBJECTS = 20_000;
const MAX_DEPTH = 24;
const MAX_ATTRIBUTE_TEXTS = 10_000;

/** Bytes that an HDF5 file begins with (HDF5 File Format Specification 3.0, II.A). */
export const HDF5_SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a] as const;

/** The layers of a model that Keras saved whole, as JSON. */
export const MODEL_CONFIG = 'model_config';

/** What a file holds, by path: `model_weights/conv1/conv1/kernel:0`. */
export interface Hdf5Contents {
  readonly tensors: ReadonlyMap<string, TensorData>;
  /** Lists of texts that are attributes, by path and name: `model_weights@layer_names`, `@model_config`. */
  readonly texts: ReadonlyMap<string, readonly string[]>;
}

/** Element types of tensors, as h5wasm spells them: `<f` float32. */
const DTYPES: ReadonlyMap<string, SafeDType> = new Map([
  ['<e', 'F16'],
  ['<f', 'F32'],
  ['<d', 'F64'],
  ['<b', 'I8'],
  ['<B', 'U8'],
  ['<h', 'I16'],
  ['<i', 'I32'],
  ['<q', 'I64'],
]);

/**
 * All numeric datasets and textual attributes of an HDF5 file. libhdf5 runs in WebAssembly over a file system of its own that
 * holds this one file: links to other files lead nowhere. What is compressed, kept in pieces or larger than the file is
 * refused before it is read, since Keras writes nothing of the kind. Throws MODEL_FORMAT and MODEL_WEIGHTS.
 */
export async function readHdf5(bytes: Uint8Array, where: string): Promise<Hdf5Contents> {
  if (!HDF5_SIGNATURE.every((byte, index) => bytes[index] === byte)) {
    throw malformed(where, 'no HDF5 signature', 'an HDF5 file');
  }
  checkEnd(bytes, where);
  const { default: h5wasm } = await import('h5wasm');
  const module = await h5wasm.ready;
  // Else libhdf5 prints what is wrong, and goes on.
  module.activate_throwing_error_handler();
  const { FS } = module;
  const path = '/weights.h5';
  FS.writeFile(path, bytes);
  try {
    const file = new h5wasm.File(path, 'r');
    try {
      return new Walk(where, bytes.length, file).contents();
    } finally {
      file.close();
    }
  } catch (error) {
    if (error instanceof GraftError) throw error;
    throw malformed(where, `HDF5 that can't be read (${messageOf(error).slice(0, 200)})`, 'a whole file of Keras');
  } finally {
    FS.unlink(path);
  }
}

/** The superblock says where the file ends (II.A: versions 0 and 1 at byte 40, 2 and 3 at 28, addresses of 8 bytes). */
function checkEnd(bytes: Uint8Array, where: string): void {
  const version = bytes[8] ?? 0;
  const at = version < 2 ? (version === 0 ? 40 : 44) : 28;
  if (bytes.length < at + 8) throw malformed(where, `${bytes.length} bytes`, 'a whole HDF5 file');
  const end = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true);
  if (end <= BigInt(bytes.length)) return;
  const seen = `the file ends at byte ${bytes.length}`;
  throw inputError('MODEL_WEIGHTS', where, seen, `${end} bytes, as its header says`, 'download the file again');
}

class Walk {
  private readonly tensors = new Map<string, TensorData>();
  private readonly texts = new Map<string, readonly string[]>();
  private readonly where: string;
  private readonly fileBytes: number;
  private readonly root: File;
  private objects = 0;
  private readBytes = 0;

  constructor(where: string, fileBytes: number, root: File) {
    this.where = where;
    this.fileBytes = fileBytes;
    this.root = root;
  }

  contents(): Hdf5Contents {
    this.group(this.root, '', 0);
    return { tensors: this.tensors, texts: this.texts };
  }

  private group(group: Group, path: string, depth: number): void {
    if (depth > MAX_DEPTH) throw malformed(this.where, `groups ${depth} deep`, `at most ${MAX_DEPTH}`);
    this.attributes(group, path);
    for (const name of group.keys()) {
      if (++this.objects > MAX_OBJECTS) throw malformed(this.where, `over ${MAX_OBJECTS} objects`, 'weights');
      const child = group.get(name);
      const inner = path === '' ? name : `${path}/${name}`;
      if (child !== null && 'keys' in child) this.group(child, inner, depth + 1);
      else if (child !== null && 'filters' in child) this.dataset(child, inner);
      else throw malformed(this.where, `${inner} is a link or a type`, 'groups and datasets alone');
    }
  }

  private attributes(group: Group, path: string): void {
    for (const [name, attribute] of Object.entries(group.attrs)) {
      // Keras cuts a long list into `layer_names0`, `layer_names1` …
      const list = /^(layer_names|weight_names)(\d*)$/.exec(name)?.[1];
      const value: unknown = list === undefined && name !== MODEL_CONFIG ? null : attribute.value;
      if (name === MODEL_CONFIG && typeof value === 'string') this.texts.set(`${path}@${name}`, [value]);
      if (list === undefined) continue;
      const texts = Array.isArray(value) ? value : [];
      if (texts.length > MAX_ATTRIBUTE_TEXTS || !texts.every((text) => typeof text === 'string')) {
        throw malformed(this.where, `${path}@${name} is no list of names`, 'names');
      }
      const key = `${path}@${list}`;
      this.texts.set(key, [...(this.texts.get(key) ?? []), ...texts]);
    }
  }

  private dataset(dataset: Dataset, path: string): void {
    const { shape, metadata, dtype: spelled } = dataset;
    const dtype = typeof spelled === 'string' ? DTYPES.get(spelled) : undefined;
    // Texts and compounds are no weights: old optimizers left some.
    if (dtype === undefined) return;
    if (
      shape === null ||
      metadata.chunks !== null ||
      metadata.virtual_sources !== undefined ||
      dataset.filters.length > 0
    ) {
      throw malformed(this.where, `${path} is compressed or in pieces`, 'datasets in one piece, as Keras writes them');
    }
    const sizeBytes = elementCount(shape) * elementBytes(dtype);
    this.readBytes += sizeBytes;
    // Data that was never written counts as zeros without a byte in the file: a bomb.
    if (!(this.readBytes <= this.fileBytes)) {
      throw malformed(this.where, `${path} [${shape.join(', ')}] is larger than the file`, `${this.fileBytes} bytes`);
    }
    const value: unknown = sizeBytes === 0 ? new Uint8Array() : dataset.value;
    const data = ArrayBuffer.isView(value)
      ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      : scalar(value, dtype);
    if (data?.byteLength !== sizeBytes) throw malformed(this.where, `${path} can't be read`, `${sizeBytes} bytes`);
    this.tensors.set(path, { dtype, shape: [...shape], data });
  }
}

/** h5wasm gives a dataset without dimensions as a number. */
function scalar(value: unknown, dtype: SafeDType): Uint8Array | null {
  if (typeof value === 'bigint' && dtype === 'I64') return new Uint8Array(BigInt64Array.of(value).buffer);
  if (typeof value !== 'number') return null;
  if (dtype === 'F32') return new Uint8Array(Float32Array.of(value).buffer);
  if (dtype === 'F64') return new Uint8Array(Float64Array.of(value).buffer);
  return dtype === 'I32' ? new Uint8Array(Int32Array.of(value).buffer) : null;
}

const malformed = (where: string, seen: string, expected: string): GraftError =>
  inputError('MODEL_FORMAT', where, seen, expected, 'download the weights again, or save the model anew with Keras');
