import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { toFloat32 } from '../../core/checkpoint/tensor-data.ts';
import { inputError } from '../../core/errors.ts';
import type { ParamSpec } from '../nn/module.ts';
import type { TensorName, Transposition } from './names.ts';

/** A counter that PyTorch's BatchNorm keeps, and the state of Keras's dropout: nothing here reads them. */
const IGNORED = /(^|\.)num_batches_tracked$|(^|\/)seed_generator(_\d+)?\//;

/**
 * Parameters by name out of a file's tensors, with every tensor accounted for: MODEL_WEIGHTS lists what is missing,
 * what is extra and what has another shape. `optional` are parameters that a file may hold besides `specs` (its own
 * classifier); they are checked for nothing and left out.
 */
export function matchTensors(
  tensors: ReadonlyMap<string, TensorData>,
  names: readonly TensorName[],
  specs: readonly ParamSpec[],
  where: string,
): Map<string, Float32Array> {
  const byName = new Map(names.map((name) => [name.param, name]));
  const known = new Set(names.map((name) => name.file));
  const problems: string[] = [];
  const values = new Map<string, Float32Array>();
  for (const spec of specs) {
    const name = byName.get(spec.name);
    const tensor = name && tensors.get(name.file);
    if (!name || !tensor) {
      problems.push(`${name?.file ?? spec.name} is missing`);
      continue;
    }
    const expected = fileShape(spec.shape, name.transposition);
    if (tensor.shape.length !== expected.length || tensor.shape.some((size, axis) => size !== expected[axis])) {
      problems.push(`${name.file} is [${tensor.shape.join(', ')}], not [${expected.join(', ')}]`);
      continue;
    }
    values.set(spec.name, transpose(tensor, name.transposition));
  }
  for (const name of tensors.keys()) {
    if (!known.has(name) && !IGNORED.test(name)) problems.push(`${name} is unknown`);
  }
  if (problems.length === 0) return values;
  const shown = problems.slice(0, 12).join('; ') + (problems.length > 12 ? `; and ${problems.length - 12} more` : '');
  throw inputError(
    'MODEL_WEIGHTS',
    where,
    shown,
    'the tensors of this backbone, each of its shape',
    'check the file and model.backbone',
  );
}

/** The shape in the file of a parameter of `shape` here. */
function fileShape(shape: readonly number[], transposition: Transposition): readonly number[] {
  const [a = 0, b = 0, c = 0, d = 0] = shape;
  if (transposition === 'convolution') return [d, c, a, b];
  if (transposition === 'depthwise') return [c, d, a, b];
  if (transposition === 'linear') return [b, a];
  if (transposition === 'pointwise') return [b, a, 1, 1];
  if (transposition === 'squeeze') return [1, 1, a, b];
  return shape;
}

function transpose(tensor: TensorData, transposition: Transposition): Float32Array {
  const values = toFloat32(tensor);
  const [a = 0, b = 0, c = 0, d = 0] = tensor.shape;
  if (transposition === 'none' || transposition === 'squeeze') return Float32Array.from(values);
  if (transposition === 'linear' || transposition === 'pointwise') {
    return permute(values, [a, b, 1, 1], [1, 0, 2, 3]);
  }
  return permute(values, [a, b, c, d], transposition === 'convolution' ? [2, 3, 1, 0] : [2, 3, 0, 1]);
}

type Four = readonly [number, number, number, number];

/** Row-major values of `shape` with dimension `order[i]` in place i. */
export function permute(values: Float32Array, shape: Four, order: Four): Float32Array {
  const strides: Four = [shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3], 1];
  const [n0, n1, n2, n3] = [shape[order[0]] ?? 1, shape[order[1]] ?? 1, shape[order[2]] ?? 1, shape[order[3]] ?? 1];
  const [s0, s1, s2, s3] = [
    strides[order[0]] ?? 0,
    strides[order[1]] ?? 0,
    strides[order[2]] ?? 0,
    strides[order[3]] ?? 0,
  ];
  const out = new Float32Array(values.length);
  let at = 0;
  for (let i = 0; i < n0; i++) {
    for (let j = 0; j < n1; j++) {
      for (let k = 0; k < n2; k++) {
        const row = i * s0 + j * s1 + k * s2;
        for (let l = 0; l < n3; l++) out[at++] = values[row + l * s3] ?? 0;
      }
    }
  }
  return out;
}
