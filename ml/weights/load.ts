import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { inputError } from '../../core/errors.ts';
import type { Sha256 } from '../../core/ids.ts';
import type { Backbone } from '../backbones/backbone.ts';
import { paramsOf } from '../nn/apply-blocks.ts';
import { classificationHead, HEAD_PREFIX } from '../nn/head.ts';
import type { ParamSpec } from '../nn/module.ts';
import { canonicalName } from './keras/read-keras.ts';
import { checkNormalization, kerasNames, tableNames } from './keras/names.ts';
import { matchTensors } from './match.ts';
import type { TensorName } from './names.ts';
import { readWeights } from './read-weights.ts';
import { torchNames } from './torch/names.ts';
import { checkFinite } from './torch/tensors.ts';

export interface LoadOptions {
  /** Also the file's classifier (`head/logits/…`) of this many classes. */
  readonly classes?: number;
  /** Checked for `.safetensors`; a downloaded file is verified when it is fetched. */
  readonly sha256?: Sha256;
}

/**
 * Weights of a backbone by parameter name, from any of the forms that `readWeights` knows, under graft's names, PyTorch's or
 * Keras's. The form is told by content, not by the file's name. Every tensor is accounted for. Throws MODEL_FILE,
 * MODEL_FORMAT, MODEL_WEIGHTS (tensors missing, extra, mis-shaped or not finite), NORMALIZATION_MISMATCH.
 */
export async function loadBackboneWeights(
  backbone: Backbone,
  path: string,
  options: LoadOptions = {},
): Promise<Map<string, Float32Array>> {
  const read = await readWeights(path, options);
  checkFinite(read, path);
  const specs = paramsOf(backbone.blocks);
  if (options.classes !== undefined) {
    const head = classificationHead({ channels: backbone.featureChannels, classes: options.classes, dropout: 0 });
    specs.push(...paramsOf(head));
  }
  const { tensors, names } = named(read, backbone, specs, path);
  return matchTensors(tensors, names, specs, path);
}

interface Named {
  readonly tensors: ReadonlyMap<string, TensorData>;
  readonly names: readonly TensorName[];
}

/** Graft's own names where the file has any of them, else those of the table that the file has more of. */
function named(
  read: ReadonlyMap<string, TensorData>,
  backbone: Backbone,
  specs: readonly ParamSpec[],
  where: string,
): Named {
  if (specs.some((spec) => read.has(spec.name))) {
    const inFile = [...read.keys()].filter((name) => name.startsWith(HEAD_PREFIX));
    const all = new Set([...specs.map((spec) => spec.name), ...inFile]);
    return { tensors: read, names: [...all].map((name) => ({ file: name, param: name, transposition: 'none' })) };
  }
  const torch = torchNames(backbone.id);
  if (torch?.some(({ file }) => read.has(file))) return { tensors: read, names: torch };
  const keras = kerasNames(backbone);
  const canonical = new Map([...read].map(([name, tensor]) => [canonicalName(name), tensor]));
  const numbered = tableNames(backbone.id, canonical);
  if (keras?.some(({ file }) => numbered.has(file))) {
    if (backbone.id === 'efficientnet-b0') checkNormalization(numbered, where);
    return { tensors: numbered, names: keras };
  }
  const known = keras ?? torch;
  const expected = known
    ? `tensors such as ${known.slice(0, 2).map(({ file }) => file).join(', ')}` // prettier-ignore
    : `graft's own names for ${backbone.id}`;
  const seen = `tensors such as ${[...read.keys()].slice(0, 3).join(', ')}`;
  throw inputError('MODEL_WEIGHTS', where, seen, expected, 'choose another file or backbone');
}
