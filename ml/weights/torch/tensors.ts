import type { SafeDType, TensorData } from '../../../core/checkpoint/tensor-data.ts';
import { elementBytes, elementCount, toFloat32 } from '../../../core/checkpoint/tensor-data.ts';
import { inputError } from '../../../core/errors.ts';
import type { PickleRules } from './pickle.ts';
import type { PickleValue, TorchStorage, TorchTensor } from './pickle-values.ts';
import { isKind } from './pickle-values.ts';

/** PyTorch's names of typed storages (torch/storage.py). */
const STORAGE_TYPES: ReadonlyMap<string, SafeDType> = new Map([
  ['torch.FloatStorage', 'F32'],
  ['torch.DoubleStorage', 'F64'],
  ['torch.HalfStorage', 'F16'],
  ['torch.BFloat16Storage', 'BF16'],
  ['torch.LongStorage', 'I64'],
  ['torch.IntStorage', 'I32'],
  ['torch.ShortStorage', 'I16'],
  ['torch.CharStorage', 'I8'],
  ['torch.ByteStorage', 'U8'],
  ['torch.BoolStorage', 'BOOL'],
]);

/** What a state dict may mention, and storages seen by key. */
export function torchRules(where: string): PickleRules & { readonly storages: ReadonlyMap<string, TorchStorage> } {
  const storages = new Map<string, TorchStorage>();
  const bad = (seen: string): Error =>
    inputError('MODEL_FORMAT', where, seen, 'a state dict of tensors', 'use another file');
  const rebuild = (args: readonly PickleValue[]): TorchTensor => {
    const [storage, offset, shape, stride] = args;
    if (!isKind(storage, 'storage')) throw bad('a tensor without a storage');
    const tensor = { storage, offset: sizeOf(offset), shape: sizesOf(shape), stride: sizesOf(stride) };
    const { offset: first, shape: sizes, stride: steps } = tensor;
    if (!Number.isSafeInteger(first) || sizes === null || steps === null || sizes.length !== steps.length) {
      throw bad('a tensor with offset, sizes and strides that do not fit each other');
    }
    const count = elementCount(sizes);
    const last = first + sizes.reduce((sum, size, axis) => sum + (size - 1) * (steps[axis] ?? 0), 0);
    // A view with more elements than its storage repeats them: no weights do, and it would multiply memory.
    if (!(count <= storage.count) || (count > 0 && !(last < storage.count))) {
      throw bad(`a tensor [${sizes.slice(0, 8).join(', ')}] outside of its storage of ${storage.count} elements`);
    }
    return { kind: 'tensor', storage, offset: first, shape: sizes, stride: steps };
  };
  const parameter = ([data]: readonly PickleValue[]): TorchTensor => {
    if (!isKind(data, 'tensor')) throw bad('a parameter without data');
    return data;
  };
  const globals: [string, ((args: readonly PickleValue[]) => PickleValue) | null][] = [
    ['collections.OrderedDict', (args) => orderedDict(args, bad)],
    ['torch._utils._rebuild_tensor_v2', rebuild],
    ['torch._utils._rebuild_parameter', parameter],
  ];
  for (const name of STORAGE_TYPES.keys()) globals.push([name, null]);
  const persistentLoad = (id: PickleValue): TorchStorage => {
    const storage = storageOf(id);
    if (storage === null) throw bad('a reference that is no storage');
    const known = storages.get(storage.key);
    if (known && (known.dtype !== storage.dtype || known.count !== storage.count)) {
      throw bad(`storage ${storage.key.slice(0, 40)} described in two ways`);
    }
    storages.set(storage.key, known ?? storage);
    return known ?? storage;
  };
  return { globals: new Map(globals), persistentLoad, storages };
}

/** `('storage', type, key, location, count[, view])`; a view must be None. */
function storageOf(id: PickleValue): TorchStorage | null {
  if (!isKind(id, 'tuple')) return null;
  const [tag, type, key, , count, view = null] = id.items;
  const dtype = isKind(type, 'global') ? STORAGE_TYPES.get(type.name) : undefined;
  if (tag !== 'storage' || dtype === undefined || typeof key !== 'string' || view !== null) return null;
  const size = sizeOf(count);
  return Number.isSafeInteger(size * elementBytes(dtype)) ? { kind: 'storage', dtype, key, count: size } : null;
}

function orderedDict(args: readonly PickleValue[], bad: (seen: string) => Error): PickleValue {
  if (args.length > 0) throw bad('an OrderedDict made from other values');
  return { kind: 'dict', entries: new Map() };
}

/** A whole number ≥ 0, or NaN. */
function sizeOf(value: PickleValue | undefined): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : Number.NaN;
}

function sizesOf(value: PickleValue | undefined): readonly number[] | null {
  if (!isKind(value, 'tuple') || value.items.length > 8) return null;
  const sizes = value.items.map(sizeOf);
  return sizes.every((size) => Number.isSafeInteger(size)) ? sizes : null;
}

/** The dense bytes of a strided tensor; a view of the storage where it is dense already. */
export function gather(tensor: TorchTensor, storage: Uint8Array): TensorData {
  const { dtype } = tensor.storage;
  const { shape, stride, offset } = tensor;
  const step = elementBytes(dtype);
  const count = elementCount(shape);
  if (isDense(shape, stride)) return { dtype, shape, data: storage.subarray(offset * step, (offset + count) * step) };
  const words = wordsOf(storage, step);
  const width = step / words.BYTES_PER_ELEMENT;
  const out = wordsOf(new Uint8Array(count * step), step);
  const axes = shape.map((size, axis) => ({ size, jump: stride[axis] ?? 0 })).filter(({ size }) => size !== 1);
  let to = 0;
  const walk = (depth: number, from: number): void => {
    const { size = 1, jump = 0 } = axes[depth] ?? {};
    for (let i = 0, at = from; i < size; i++, at += jump) {
      if (depth < axes.length - 1) walk(depth + 1, at);
      else for (let word = 0; word < width; word++) out[to++] = words[at * width + word] ?? 0;
    }
  };
  walk(0, offset);
  return { dtype, shape, data: new Uint8Array(out.buffer) };
}

/** Bytes as the largest whole numbers that an element is made of: what they mean does not matter, and few are moved. */
function wordsOf(bytes: Uint8Array, step: number): Uint8Array | Uint16Array | Uint32Array {
  const { buffer, byteOffset, length } = bytes.byteOffset % step === 0 ? bytes : bytes.slice();
  if (step % 4 === 0) return new Uint32Array(buffer, byteOffset, Math.floor(length / 4));
  return step === 2 ? new Uint16Array(buffer, byteOffset, Math.floor(length / 2)) : bytes;
}

function isDense(shape: readonly number[], stride: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] ?? 1;
    if (size !== 1 && stride[axis] !== expected) return false;
    expected *= size;
  }
  return true;
}

/** MODEL_WEIGHTS where a floating-point tensor holds NaN or infinity. */
export function checkFinite(tensors: ReadonlyMap<string, TensorData>, where: string): void {
  const bad: string[] = [];
  for (const [name, tensor] of tensors) {
    if (!FLOATS.has(tensor.dtype)) continue;
    if (!areFinite(toFloat32(tensor))) bad.push(name);
  }
  if (bad.length === 0) return;
  const seen = `NaN or infinity in ${bad.length} tensors: ${bad.slice(0, 5).join(', ')}`;
  throw inputError('MODEL_WEIGHTS', where, seen, 'finite weights', 'download or export the weights again');
}

/** A loop, as 100 million values are looked at. */
function areFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

const FLOATS: ReadonlySet<SafeDType> = new Set(['F16', 'BF16', 'F32', 'F64']);
