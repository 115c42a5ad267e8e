import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { inputError, messageOf } from '../../core/errors.ts';
import type { Sha256 } from '../../core/ids.ts';
import { HDF5_SIGNATURE } from './keras/hdf5.ts';
import { isKerasZip, readKerasH5, readKerasZip } from './keras/read-keras.ts';
import { readSafetensorsFile } from './safetensors-file.ts';
import { readCheckpoint, wholeFile } from './tensorflow/read-checkpoint.ts';
import { readTfjs } from './tfjs/read-tfjs.ts';
import { readTorchFile } from './torch/read-pth.ts';

/** Larger than any file of one network: what is read whole must fit into memory. */
const MAX_FILE_BYTES = 2 ** 31;

/**
 * Tensors by the names that a file has for them: safetensors, PyTorch's `.pth`, Keras's `.h5` and `.keras`, a tfjs
 * `model.json`, a TensorFlow checkpoint (its `.index`, or the prefix) or a SavedModel's folder. Told by content. Nothing of it
 * is executed. Throws MODEL_FILE, MODEL_FORMAT and MODEL_WEIGHTS.
 */
export async function readWeights(
  path: string,
  options: { readonly sha256?: Sha256 } = {},
): Promise<ReadonlyMap<string, TensorData>> {
  const kind = await kindOf(path);
  switch (kind) {
    case 'saved-model':
      return readCheckpoint(join(path, 'variables', 'variables'));
    case 'checkpoint':
      return readCheckpoint(path.replace(/\.index$/, ''));
    case 'hdf5':
      return readKerasH5(await wholeFile(path, MAX_FILE_BYTES), path);
    case 'zip': {
      const bytes = await wholeFile(path, MAX_FILE_BYTES);
      return isKerasZip(bytes) ? readKerasZip(bytes, path) : readTorchFile(path);
    }
    case 'pickle':
      return readTorchFile(path);
    case 'json':
      return readTfjs(path);
    case 'safetensors': {
      const { tensors } = await readSafetensorsFile(
        path,
        options.sha256 === undefined ? {} : { sha256: options.sha256 },
      );
      return tensors;
    }
  }
}

type Kind = 'saved-model' | 'checkpoint' | 'hdf5' | 'zip' | 'pickle' | 'json' | 'safetensors';

async function kindOf(path: string): Promise<Kind> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) return 'saved-model';
  // The prefix of a checkpoint is no file itself.
  if (path.endsWith('.index') || (found === null && (await isFile(`${path}.index`)))) return 'checkpoint';
  const bytes = await firstBytes(path);
  const [first, second] = bytes;
  if (HDF5_SIGNATURE.every((byte, index) => bytes[index] === byte)) return 'hdf5';
  // A size whose ninth byte is `{`.
  if (bytes[8] === 0x7b) return 'safetensors';
  if (first === 0x50 && second === 0x4b) return 'zip';
  if (first === 0x80) return 'pickle';
  return first === 0x7b || first === 0x5b ? 'json' : 'safetensors';
}

async function isFile(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found?.isFile() === true;
}

async function firstBytes(path: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(9);
  try {
    const file = await open(path, 'r');
    try {
      await file.read(bytes, 0, 9, 0);
    } finally {
      await file.close();
    }
    return bytes;
  } catch (error) {
    const expected = 'a readable file of weights';
    throw inputError('MODEL_FILE', path, messageOf(error), expected, 'check the path and its rights');
  }
}
