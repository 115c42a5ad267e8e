import { unzipSync } from 'fflate';
import { z } from 'zod';
import type { TensorData } from '../../../core/checkpoint/tensor-data.ts';
import type { GraftError } from '../../../core/errors.ts';
import { inputError, messageOf } from '../../../core/errors.ts';
import { MODEL_CONFIG, readHdf5 } from './hdf5.ts';

/** Tensors by layer and variable: `conv1/kernel`, `bn_Conv1/moving_mean`. */
export type KerasTensors = Map<string, TensorData>;

/** Bounds on config.json: the largest of Keras's networks have 10 MB and three levels. */
const MAX_CONFIG_BYTES = 64 * 1024 * 1024;
const MAX_NESTING = 8;

/**
 * A `.h5` that Keras saved: `model.save`, or `save_weights` of Keras 2, whose names are attributes of its groups. A file of
 * Keras 3's `save_weights` has no names of layers, only numbers: MODEL_FORMAT says to save the model.
 */
export async function readKerasH5(bytes: Uint8Array, where: string): Promise<KerasTensors> {
  const contents = await readHdf5(bytes, where);
  for (const config of contents.texts.get(`@${MODEL_CONFIG}`) ?? []) refuseCode(jsonOf(config), where);
  const root = contents.texts.has('model_weights@layer_names') ? 'model_weights' : '';
  const layers = contents.texts.get(`${root}@layer_names`);
  if (layers === undefined) {
    const seen = 'no names of layers';
    throw malformed(where, seen, 'a model saved by Keras: model.save("name.h5") or model.save("name.keras")');
  }
  const tensors: KerasTensors = new Map();
  for (const layer of layers) {
    const group = root === '' ? layer : `${root}/${layer}`;
    for (const weight of contents.texts.get(`${group}@weight_names`) ?? []) {
      const tensor = contents.tensors.get(`${group}/${weight}`);
      if (tensor === undefined) throw malformed(where, `${group} names ${weight}, which is not there`, 'its data');
      const name = canonicalName(weight.includes('/') ? weight : `${layer}/${weight}`, layer);
      if (tensors.has(name)) throw malformed(where, `${name} twice`, 'one tensor of each name');
      tensors.set(name, tensor);
    }
  }
  return tensors;
}

/**
 * MODEL_LAYER for a network with a layer of Python code: nothing here runs it, and the weights around it would compute
 * something else without.
 */
function refuseCode(config: unknown, where: string): void {
  const found = /"class_name":"((?:TFOp|SlicingOp)?Lambda)"/.exec(JSON.stringify(config))?.[1];
  if (found === undefined) return;
  const seen = `a layer of class ${found}, which is Python code`;
  throw inputError(
    'MODEL_LAYER',
    where,
    seen,
    'layers that are weights alone',
    'save the part of the model without it',
  );
}

/** Null for what is no JSON: names and weights stand without it. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Variables as Keras 3 calls them: Keras 2 wrote `depthwise_kernel:0`, Keras 1 `block1_conv1_W_1:0`. */
const VARIABLES: readonly (readonly [RegExp, string])[] = [
  [/^(.*_)?(depthwise_kernel|kernel|W)(_\d+)?$/, 'kernel'],
  [/^(.*_)?(bias|b)(_\d+)?$/, 'bias'],
  [/^(.*_)?gamma(_\d+)?$/, 'gamma'],
  [/^(.*_)?beta(_\d+)?$/, 'beta'],
  [/^(.*_)?(moving|running)_mean(_\d+)?$/, 'moving_mean'],
  [/^(.*_)?(moving_variance|running_std)(_\d+)?$/, 'moving_variance'],
];

/** `conv1/depthwise_kernel:0` → `conv1/kernel`. */
export function canonicalName(name: string, layer?: string): string {
  const [plain = name] = name.split(':');
  const slash = plain.lastIndexOf('/');
  const own = plain.slice(slash + 1);
  const variable = VARIABLES.find(([pattern]) => pattern.test(own))?.[1] ?? own;
  return `${slash > 0 ? plain.slice(0, slash) : (layer ?? '')}/${variable}`;
}

/** What matters of Keras 3's config.json. */
interface LayerConfig {
  readonly class_name: string;
  readonly config: {
    readonly name?: string | undefined;
    readonly scale?: unknown;
    readonly center?: unknown;
    readonly layers?: readonly LayerConfig[] | undefined;
  };
}

const LayerConfig: z.ZodType<LayerConfig> = z.object({
  class_name: z.string().max(200),
  config: z.object({
    name: z.string().max(500).optional(),
    scale: z.unknown().optional(),
    center: z.unknown().optional(),
    layers: z.array(z.lazy(() => LayerConfig)).optional(),
  }),
});

/**
 * A `.keras` of Keras 3: a zip of `config.json`, which has the layers in order, and `model.weights.h5`, which numbers them by
 * class (keras/src/saving/saving_lib.py `_save_container_state`): `layers/conv2d_3/vars/0`.
 */
export async function readKerasZip(bytes: Uint8Array, where: string): Promise<KerasTensors> {
  const { config, weights } = unzipped(bytes, where);
  const model = parsed(config, where);
  const { tensors: stored } = await readHdf5(weights, `${where}: model.weights.h5`);
  const named = new Map<string, string>();
  nameVariables(model, '', 0, named, where);
  const tensors: KerasTensors = new Map();
  for (const [path, tensor] of stored) {
    // What an optimizer keeps is not the network's.
    if (path.startsWith('optimizer/')) continue;
    const name = named.get(path) ?? path;
    if (tensors.has(name)) throw malformed(where, `${name} twice`, 'one tensor of each name');
    tensors.set(name, tensor);
  }
  return tensors;
}

function unzipped(bytes: Uint8Array, where: string): { config: Uint8Array; weights: Uint8Array } {
  const wanted = ['config.json', 'model.weights.h5'];
  try {
    const files = unzipSync(bytes, {
      filter({ name, compression, originalSize }) {
        if (!wanted.includes(name)) return false;
        // Stored, as Keras writes them: nothing unpacks to more than is there.
        if (compression !== 0 || originalSize > bytes.length) throw new Error(`${name} is compressed`);
        return true;
      },
    });
    const [config, weights] = wanted.map((name) => files[name]);
    if (config === undefined || weights === undefined) throw new Error('no config.json or no model.weights.h5');
    if (config.length > MAX_CONFIG_BYTES) throw new Error(`config.json of ${config.length} bytes`);
    return { config, weights };
  } catch (error) {
    throw malformed(where, messageOf(error), 'a whole file of model.save("name.keras")');
  }
}

function parsed(config: Uint8Array, where: string): LayerConfig {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(config));
  } catch (error) {
    throw malformed(where, `config.json: ${messageOf(error)}`, 'JSON of Keras');
  }
  refuseCode(json, where);
  const result = LayerConfig.safeParse(json);
  if (!result.success) throw malformed(where, 'config.json without layers', 'a Functional or Sequential model');
  return result.data;
}

/** Fills `named` with the name of each `layers/<class>_<n>/vars/<i>`; models in models have a path of their own. */
function nameVariables(
  model: LayerConfig,
  prefix: string,
  depth: number,
  named: Map<string, string>,
  where: string,
): void {
  if (depth > MAX_NESTING) throw malformed(where, `models ${depth} deep`, `at most ${MAX_NESTING}`);
  const seen = new Map<string, number>();
  for (const layer of model.config.layers ?? []) {
    const kind = snakeCase(layer.class_name);
    const count = seen.get(kind) ?? 0;
    seen.set(kind, count + 1);
    const path = `${prefix}layers/${kind}${count === 0 ? '' : `_${count}`}`;
    if (layer.config.layers) nameVariables(layer, `${path}/`, depth + 1, named, where);
    for (const [index, variable] of variablesOf(layer).entries()) {
      named.set(`${path}/vars/${index}`, `${layer.config.name ?? path}/${variable}`);
    }
  }
}

/** In the order in which Keras's layers make them. */
function variablesOf({ class_name: kind, config }: LayerConfig): readonly string[] {
  switch (kind) {
    case 'BatchNormalization': {
      const learned = [...(config.scale === false ? [] : ['gamma']), ...(config.center === false ? [] : ['beta'])];
      return [...learned, 'moving_mean', 'moving_variance'];
    }
    case 'Normalization':
      return ['mean', 'variance', 'count'];
    default:
      return ['kernel', 'bias'];
  }
}

/** keras/src/utils/naming.py `to_snake_case`: DepthwiseConv2D → depthwise_conv2d. */
function snakeCase(name: string): string {
  return name
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

/** Whether a zip is one of Keras's, by the names in it. */
export function isKerasZip(bytes: Uint8Array): boolean {
  const names: string[] = [];
  try {
    unzipSync(bytes, { filter: ({ name }) => (names.push(name), false) });
  } catch {
    return false;
  }
  return names.includes('config.json') && names.includes('model.weights.h5');
}

const malformed = (where: string, seen: string, expected: string): GraftError =>
  inputError('MODEL_FORMAT', where, seen, expected, 'save the model anew with Keras, or choose another file');
