import { readFile, stat } from 'node:fs/promises';
import { unzipSync } from 'fflate';
import type { TensorData } from '../../../core/checkpoint/tensor-data.ts';
import { elementBytes, elementCount } from '../../../core/checkpoint/tensor-data.ts';
import { GraftError, inputError, messageOf } from '../../../core/errors.ts';
import { ByteReader } from './byte-reader.ts';
import { readPickle } from './pickle.ts';
import type { PickleValue, TorchStorage, TorchTensor } from './pickle-values.ts';
import { isKind } from './pickle-values.ts';
import { checkFinite, gather, torchRules } from './tensors.ts';

/** Above this a file is refused unread; VGG16 takes 553 MB. */
const MAX_FILE_BYTES = 2 * 1024 ** 3;
const MAX_ZIP_ENTRIES = 100_000;
/** `torch.serialization.MAGIC_NUMBER` and `PROTOCOL_VERSION` of the legacy form. */
const MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn;
const LEGACY_PROTOCOL = 1001;

/**
 * Tensors of a PyTorch `.pth` / `.pt` file by name: a state dict, or a dictionary with one under `state_dict`, `model`
 * or `model_state_dict`. Both forms of `torch.save` (zip since 1.6, legacy before). Nothing in the file is executed.
 * Throws MODEL_FILE (can't be read), MODEL_FORMAT (not such a file, or it wants to call something), MODEL_WEIGHTS
 * (data missing, NaN or infinity).
 */
export async function readTorchFile(path: string): Promise<Map<string, TensorData>> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES) throw malformed(path, `${size} bytes`, `at most ${MAX_FILE_BYTES} bytes`);
    const { buffer, byteOffset, length } = await readFile(path);
    return readTorchBytes(new Uint8Array(buffer, byteOffset, length), path);
  } catch (error) {
    if (error instanceof GraftError) throw error;
    throw inputError('MODEL_FILE', path, messageOf(error), 'a readable file', 'check the path and its rights');
  }
}

/** As `readTorchFile`, on bytes in memory. */
export function readTorchBytes(bytes: Uint8Array, where: string): Map<string, TensorData> {
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  const { root, storages } = isZip ? readZip(bytes, where) : readLegacy(bytes, where);
  const tensors = new Map<string, TensorData>();
  let total = 0;
  for (const [name, tensor] of stateDict(root, where)) {
    const data = storages.get(tensor.storage.key);
    if (data === undefined) throw short(where, `no data for ${name}`);
    total += elementCount(tensor.shape) * elementBytes(tensor.storage.dtype);
    // Tied weights may share a storage; a file whose tensors add up to many times its size is made to exhaust memory.
    if (total > 4 * bytes.length + 1024) throw malformed(where, 'tensors many times larger than the file', 'weights');
    tensors.set(name, gather(tensor, data));
  }
  checkFinite(tensors, where);
  return tensors;
}

interface Contents {
  readonly root: PickleValue;
  readonly storages: ReadonlyMap<string, Uint8Array>;
}

/** `<name>/data.pkl`, and each storage as `<name>/data/<key>`, all stored without compression. */
function readZip(bytes: Uint8Array, where: string): Contents {
  const files = unzipStored(bytes, where);
  const pickleName = [...files.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name));
  const pickle = pickleName === undefined ? undefined : files.get(pickleName);
  if (pickleName === undefined || pickle === undefined) throw malformed(where, 'a zip without data.pkl', 'torch.save');
  const folder = pickleName.slice(0, -'data.pkl'.length);
  const order = files.get(`${folder}byteorder`);
  if (order !== undefined && new TextDecoder().decode(order) !== 'little') {
    throw malformed(where, 'big-endian data', 'little-endian');
  }
  const rules = torchRules(where);
  const { value: root } = readPickle(pickle, `${where}: ${pickleName}`, rules);
  const storages = new Map<string, Uint8Array>();
  for (const storage of rules.storages.values()) {
    const data = files.get(`${folder}data/${storage.key}`);
    if (data?.length !== sizeBytes(storage)) {
      throw short(where, `storage ${storage.key}: ${data?.length ?? 'no'} bytes, not ${sizeBytes(storage)}`);
    }
    storages.set(storage.key, data);
  }
  return { root, storages };
}

/** Entries by name. PyTorch never compresses; so nothing can grow beyond the file's own size. */
function unzipStored(bytes: Uint8Array, where: string): Map<string, Uint8Array> {
  let entries = 0;
  let total = 0;
  const filter = (file: { name: string; size: number; originalSize: number; compression: number }): boolean => {
    entries += 1;
    total += file.originalSize;
    if (file.compression !== 0 || file.size !== file.originalSize)
      throw malformed(where, `${file.name} is compressed`, 'stored');
    if (entries > MAX_ZIP_ENTRIES || total > bytes.length)
      throw malformed(where, 'entries larger than the file', 'a zip');
    return true;
  };
  try {
    return new Map(Object.entries(unzipSync(bytes, { filter })));
  } catch (error) {
    if (error instanceof GraftError) throw error;
    throw malformed(where, `a broken zip (${messageOf(error)})`, 'a whole file of torch.save');
  }
}

/** Pickles of magic number, protocol, system, the object, storage keys; then per key an int64 count and the raw elements. */
function readLegacy(bytes: Uint8Array, where: string): Contents {
  const rules = torchRules(where);
  let at = 0;
  const next = (): PickleValue => {
    const { value, end } = readPickle(bytes, where, rules, at);
    at = end;
    return value;
  };
  if (bytes[0] !== 0x80 || next() !== MAGIC_NUMBER) throw malformed(where, 'no magic number', 'a file of torch.save');
  if (next() !== LEGACY_PROTOCOL) throw malformed(where, 'an unknown protocol', `protocol ${LEGACY_PROTOCOL}`);
  const system = next();
  if (!isKind(system, 'dict') || system.entries.get('little_endian') !== true) {
    throw malformed(where, 'big-endian data', 'little-endian');
  }
  const root = next();
  const keys = next();
  if (!isKind(keys, 'list')) throw malformed(where, 'no list of storages', 'a file of torch.save');
  const reader = new ByteReader(bytes, where, at);
  const storages = new Map<string, Uint8Array>();
  for (const key of keys.items) {
    const storage = typeof key === 'string' ? rules.storages.get(key) : undefined;
    if (storage === undefined) throw malformed(where, 'data of an unknown storage', 'a file of torch.save');
    if (reader.left < 8 || reader.u64() !== storage.count || reader.left < sizeBytes(storage)) {
      throw short(where, `the data of storage ${storage.key} are cut off at byte ${reader.at}`);
    }
    storages.set(storage.key, reader.slice(sizeBytes(storage)));
  }
  if (reader.left > 0) throw short(where, `${reader.left} bytes after the last storage`);
  return { root, storages };
}

/** Tensors of the state dict by name; entries of other kinds (an epoch, a name) beside tensors are left out. */
function stateDict(root: PickleValue, where: string): [string, TorchTensor][] {
  const found = [root, ...['state_dict', 'model', 'model_state_dict'].map((key) => entryOf(root, key))];
  for (const candidate of found) {
    if (!isKind(candidate, 'dict')) continue;
    const tensors: [string, TorchTensor][] = [];
    for (const [name, value] of candidate.entries) {
      if (typeof name === 'string' && isKind(value, 'tensor')) tensors.push([name, value]);
    }
    if (tensors.length > 0) return tensors;
  }
  throw malformed(where, 'no tensors', 'a state dict, or a dictionary with one under state_dict or model');
}

function entryOf(value: PickleValue, key: string): PickleValue | undefined {
  return isKind(value, 'dict') ? value.entries.get(key) : undefined;
}

function sizeBytes(storage: TorchStorage): number {
  return storage.count * elementBytes(storage.dtype);
}

const malformed = (where: string, seen: string, expected: string): Error =>
  inputError('MODEL_FORMAT', where, seen, expected, 'download the weights again, or convert them to safetensors');

const short = (where: string, seen: string): Error =>
  inputError('MODEL_WEIGHTS', where, seen, 'all the data that the file announces', 'download the weights again');
