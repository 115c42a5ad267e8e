import { open } from 'node:fs/promises';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { inputError, messageOf } from '../../core/errors.ts';
import type { Sha256 } from '../../core/ids.ts';
import type { Backbone } from '../backbones/backbone.ts';
import { paramsOf } from '../nn/apply-blocks.ts';
import { classificationHead, HEAD_PREFIX } from '../nn/head.ts';
import type { ParamSpec } from '../nn/module.ts';
import { matchTensors } from './match.ts';
import { readSafetensorsFile } from './safetensors-file.ts';
import type { TensorName } from './torch/names.ts';
import { torchNames } from './torch/names.ts';
import { readTorchFile } from './torch/read-pth.ts';
import { checkFinite } from './torch/tensors.ts';

export interface LoadOptions {
  /** Also the file's classifier (`head/logits/…`) of this many classes. */
  readonly classes?: number;
  /** Checked for `.safetensors`; a downloaded `.pth` is verified when it is fetched. */
  readonly sha256?: Sha256;
}

/**
 * Weights of a backbone by parameter name, from a PyTorch `.pth` (zip or legacy) or a `.safetensors` with either graft's
 * or the PyTorch file's names. The form is told by content, not by the file's name. Every tensor is accounted for.
 * Throws MODEL_FILE, MODEL_FORMAT, MODEL_WEIGHTS (tensors missing, extra, mis-shaped or not finite).
 */
export async function loadBackboneWeights(
  backbone: Backbone,
  path: string,
  options: LoadOptions = {},
): Promise<Map<string, Float32Array>> {
  const tensors = await readTensors(path, options);
  const specs = paramsOf(backbone.blocks);
  if (options.classes !== undefined) {
    const head = classificationHead({ channels: backbone.featureChannels, classes: options.classes, dropout: 0 });
    specs.push(...paramsOf(head));
  }
  return matchTensors(tensors, namesIn(tensors, backbone, specs, path), specs, path);
}

/** Graft's own names where the file has the first of them, else the published file's. */
function namesIn(
  tensors: ReadonlyMap<string, TensorData>,
  backbone: Backbone,
  specs: readonly ParamSpec[],
  where: string,
): readonly TensorName[] {
  const own = specs.some((spec) => tensors.has(spec.name));
  if (own) {
    const inFile = [...tensors.keys()].filter((name) => name.startsWith(HEAD_PREFIX));
    const names = new Set([...specs.map((spec) => spec.name), ...inFile]);
    return [...names].map((name) => ({ torch: name, param: name, transposition: 'none' }));
  }
  const names = torchNames(backbone.id);
  if (names) return names;
  const seen = `tensors such as ${[...tensors.keys()].slice(0, 3).join(', ')}`;
  throw inputError(
    'MODEL_WEIGHTS',
    where,
    seen,
    `graft's own names for ${backbone.id}`,
    'choose another file or backbone',
  );
}

async function readTensors(path: string, options: LoadOptions): Promise<Map<string, TensorData>> {
  if (!(await startsLikeTorch(path))) {
    const { tensors } = await readSafetensorsFile(path, options.sha256 === undefined ? {} : { sha256: options.sha256 });
    checkFinite(tensors, path);
    return tensors;
  }
  return readTorchFile(path);
}

/** A zip (`PK`) or a pickle of protocol 2 (0x80 0x02); a safetensors file begins with a size whose ninth byte is `{`. */
async function startsLikeTorch(path: string): Promise<boolean> {
  const bytes = new Uint8Array(9);
  try {
    const file = await open(path, 'r');
    try {
      await file.read(bytes, 0, 9, 0);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw inputError(
      'MODEL_FILE',
      path,
      messageOf(error),
      'a readable file of weights',
      'check the path and its rights',
    );
  }
  const [first, second] = bytes;
  return bytes[8] !== 0x7b && ((first === 0x50 && second === 0x4b) || first === 0x80);
}
