import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { toFloat32 } from '../../core/checkpoint/tensor-data.ts';
import { inputError } from '../../core/errors.ts';
import type { Detector } from '../detectors/detector.ts';
import type { ParamSpec } from '../nn/module.ts';
import { detectorTensorName } from './detector-names.ts';
import { readWeights } from './read-weights.ts';
import { checkFinite } from './torch/tensors.ts';

/** What a checkpoint of a detector gives to another one, of other classes perhaps. */
export interface LoadedDetector {
  /** By parameter; all others start anew. */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** Names of parameters, in the detector’s order. */
  readonly restored: readonly string[];
  readonly fresh: readonly { readonly param: string; readonly why: string }[];
  /** Tensors of the file that have no place here. */
  readonly unused: readonly string[];
}

/** A BatchNorm that was folded into its convolution: all that is left of it is its shift. */
const FOLDED_EPSILON = 1e-3;

/** Half of the backbone: of less it would be better to know. */
const LEAST_SHARE = 0.5;

/**
 * Weights of a detector from any of the forms that `readWeights` knows: this project’s own, checkpoints of the TF Object
 * Detection API (SSD with MobileNetV1, V2 and Inception v2, Faster R-CNN with Inception v2), and the SSD of
 * @vladmandic/face-api. A tensor of another shape, as of another number of classes, is left out, and said. Throws
 * MODEL_FILE, MODEL_FORMAT, and MODEL_WEIGHTS where the file has not half of the backbone.
 */
export async function loadDetectorWeights(
  detector: Pick<Detector, 'backbone' | 'params'>,
  path: string,
): Promise<LoadedDetector> {
  return detectorWeightsOf(detector, await readWeights(path), path);
}

/** Whether tensors of these names are a detector’s, and not of a backbone alone. */
export const areOfDetector = (names: Iterable<string>): boolean =>
  [...names].some((name) => detectorTensorName(name)?.param.startsWith('detector/') === true);

/** The same of tensors that were read already; `where` is their file. */
export function detectorWeightsOf(
  detector: Pick<Detector, 'backbone' | 'params'>,
  read: ReadonlyMap<string, TensorData>,
  where: string,
): LoadedDetector {
  checkFinite(read, where);
  const { values: known, unused } = named(read);
  const values = new Map<string, Float32Array>();
  const restored: string[] = [];
  const fresh: { param: string; why: string }[] = [];
  for (const spec of detector.params) {
    const found = known.get(spec.name);
    const value = found && fitting(found, spec);
    if (value) {
      values.set(spec.name, value);
      restored.push(spec.name);
    } else {
      const why = found
        ? `it is [${found.shape.join(', ')}] in the file, [${spec.shape.join(', ')}] here`
        : 'not in the file';
      fresh.push({ param: spec.name, why });
    }
  }
  requireBackbone(detector, values, where, [...read.keys()]);
  return { values, restored, fresh, unused };
}

interface Found {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

function named(read: ReadonlyMap<string, TensorData>): { values: Map<string, Found>; unused: string[] } {
  const values = new Map<string, Found>();
  const unused: string[] = [];
  for (const [file, tensor] of read) {
    const name = detectorTensorName(file);
    if (name === null) {
      unused.push(file);
      continue;
    }
    const read32 = Float32Array.from(toFloat32(tensor));
    const own: Found = { shape: tensor.shape, values: OLD_ORDER.test(file) ? inOrder(read32, tensor.shape) : read32 };
    if (name.kind === 'value') values.set(name.param, own);
    else for (const [suffix, each] of unfolded(own)) values.set(`${name.param}/bn/${suffix}`, each);
  }
  return { values, unused };
}

/**
 * Predictors of a detector of the API's first months: it had the interpolated anchor behind the first aspect ratio, where
 * it has been the last of its cell ever since. On the first map there is none.
 */
const OLD_ORDER = /^Prediction\/BoxPredictor_[1-9]\//;
const ANCHORS_PER_CELL = 6;

/** The second of six groups of outputs behind the others. */
function inOrder(values: Float32Array, shape: readonly number[]): Float32Array {
  const width = shape.at(-1) ?? 1;
  const each = width / ANCHORS_PER_CELL;
  if (!Number.isInteger(each)) return values;
  const order = [0, 2, 3, 4, 5, 1];
  return values.map((_, at) => {
    const [row, place] = [Math.floor(at / width) * width, at % width];
    return values[row + (order[Math.floor(place / each)] ?? 0) * each + (place % each)] ?? 0;
  });
}

/** BatchNorm that only shifts: γ/√(variance + ε) = 1. */
function unfolded(offset: Found): readonly (readonly [string, Found])[] {
  const filled = (value: number): Found => ({
    shape: offset.shape,
    values: new Float32Array(offset.values.length).fill(value),
  });
  return [
    ['gamma', filled(1)],
    ['beta', offset],
    ['moving_mean', filled(0)],
    ['moving_variance', filled(1 - FOLDED_EPSILON)],
  ];
}

function fitting({ shape, values }: Found, spec: ParamSpec): Float32Array | null {
  return shape.length === spec.shape.length && shape.every((size, axis) => size === spec.shape[axis]) ? values : null;
}

function requireBackbone(
  { backbone, params }: Pick<Detector, 'backbone' | 'params'>,
  values: ReadonlyMap<string, Float32Array>,
  where: string,
  names: readonly string[],
): void {
  const own = params.filter(({ name }) => name.startsWith('backbone/'));
  const found = own.filter(({ name }) => values.has(name)).length;
  if (found >= LEAST_SHARE * own.length) return;
  const seen = `${found} of the ${own.length} tensors of ${backbone.id}, among such as ${names.slice(0, 3).join(', ')}`;
  const expected = 'a detection checkpoint on this backbone';
  throw inputError('MODEL_WEIGHTS', where, seen, expected, 'choose the backbone that it was trained with');
}
