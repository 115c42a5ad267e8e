import { dirname, join } from 'node:path';
import { z } from 'zod';
import { halfToNumber } from '../../../core/checkpoint/tensor-data.ts';
import type { TensorData } from '../../../core/checkpoint/tensor-data.ts';
import { elementCount, float32Tensor } from '../../../core/checkpoint/tensor-data.ts';
import type { GraftError } from '../../../core/errors.ts';
import { inputError, messageOf } from '../../../core/errors.ts';
import { wholeFile } from '../tensorflow/read-checkpoint.ts';

const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;
const MAX_GROUP_BYTES = 2 ** 31;

const Weight = z.object({
  name: z.string().max(1000),
  shape: z.array(z.int().nonnegative()).max(8),
  dtype: z.enum(['float32', 'int32', 'bool', 'string', 'complex64']),
  quantization: z
    .union([
      z.object({ dtype: z.enum(['uint8', 'uint16']), scale: z.number(), min: z.number() }),
      z.object({ dtype: z.literal('float16') }),
    ])
    .optional(),
});
type Weight = z.infer<typeof Weight>;

/** A plain name beside the manifest: no folders, no way out. */
const Path = z.string().regex(/^[^/\\\0]{1,255}$/).refine((name) => name !== '.' && name !== '..'); // prettier-ignore
const Groups = z.array(z.object({ paths: z.array(Path).max(10_000), weights: z.array(Weight).max(100_000) }));

/** `model.json` of a layers or graph model, or a manifest by itself. */
const Manifest = z.union([z.object({ weightsManifest: Groups }).transform((model) => model.weightsManifest), Groups]);

/**
 * Weights of a tfjs model: layers and graph models and bare manifests alike, uint8, uint16 and float16 quantization undone
 * (tfjs-core/src/io/io_utils.ts). The graph itself is not read. Throws MODEL_FILE, MODEL_FORMAT and MODEL_WEIGHTS.
 */
export async function readTfjs(path: string): Promise<Map<string, TensorData>> {
  const groups = parsed(await wholeFile(path, MAX_MANIFEST_BYTES), path);
  const tensors = new Map<string, TensorData>();
  for (const { paths, weights } of groups) {
    const shards: Uint8Array[] = [];
    let left = MAX_GROUP_BYTES;
    for (const name of paths) {
      const shard = await wholeFile(join(dirname(path), name), left);
      left -= shard.length;
      shards.push(shard);
    }
    readGroup(Buffer.concat(shards), weights, tensors, path);
  }
  return tensors;
}

function parsed(bytes: Uint8Array, where: string): z.infer<typeof Groups> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw malformed(where, messageOf(error), 'model.json');
  }
  const result = Manifest.safeParse(json);
  if (result.success) return result.data;
  throw malformed(where, 'no manifest of weights', 'a tfjs model.json, or its weights_manifest.json');
}

function readGroup(
  bytes: Uint8Array,
  weights: readonly Weight[],
  tensors: Map<string, TensorData>,
  where: string,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  for (const weight of weights) {
    const count = elementCount(weight.shape);
    const { step, read } = reader(weight, where);
    const end = at + count * step;
    if (!(end <= bytes.length)) {
      const seen = `${weight.name} to byte ${end}`;
      throw inputError('MODEL_WEIGHTS', where, seen, `${bytes.length} bytes of weights`, 'download the model again');
    }
    if (tensors.has(weight.name)) throw malformed(where, `${weight.name} twice`, 'one tensor of each name');
    const values = new Float32Array(count);
    for (let i = 0; i < count; i++) values[i] = read(view, at + i * step);
    tensors.set(weight.name, float32Tensor(values, weight.shape));
    at = end;
  }
  if (at === bytes.length) return;
  const seen = `${bytes.length - at} bytes behind the last tensor`;
  throw inputError('MODEL_WEIGHTS', where, seen, 'no more than is named', 'download the model again');
}

/** Bytes an element takes, and how it is read. Everything becomes float32. */
function reader(
  { name, dtype, quantization }: Weight,
  where: string,
): { step: number; read: (view: DataView, at: number) => number } {
  if (quantization?.dtype === 'float16') {
    return { step: 2, read: (view, at) => halfToNumber(view.getUint16(at, true)) };
  }
  if (quantization) {
    const { scale, min } = quantization;
    if (quantization.dtype === 'uint8') return { step: 1, read: (view, at) => view.getUint8(at) * scale + min };
    return { step: 2, read: (view, at) => view.getUint16(at, true) * scale + min };
  }
  switch (dtype) {
    case 'float32':
      return { step: 4, read: (view, at) => view.getFloat32(at, true) };
    case 'int32':
      return { step: 4, read: (view, at) => view.getInt32(at, true) };
    case 'bool':
      return { step: 1, read: (view, at) => view.getUint8(at) };
    case 'string':
    case 'complex64':
      throw malformed(where, `${name} of ${dtype}`, 'numbers');
  }
}

const malformed = (where: string, seen: string, expected: string): GraftError =>
  inputError('MODEL_FORMAT', where, seen, expected, 'choose the model.json of a tfjs model');
