import type { ModelDescription } from '../../contracts/manifests.ts';
import { unreachable } from '../../core/errors.ts';
import type { AttrValue, NodeDef } from '../engine/saved-model.ts';
import { DT } from './element-types.ts';
import { attributeOf, numbersOf } from './inference-graph.ts';
import type { GraphNode, GraphOutputs, GraphRef, GraphWeight, InferenceGraph } from './inference-graph.ts';
import type { StoredWeight } from './stored-weight.ts';
import { castNode, outputShapes, placeholder, tensorFlowNodes } from './tensorflow-nodes.ts';
import type { AttributeKinds } from './tensorflow-nodes.ts';

/** Browsers cache files up to this size (tfjs-converter, write_weights.py). */
const SHARD_BYTES = 4 * 1024 * 1024;

export interface TfjsModel {
  /** model.json. */
  readonly json: object;
  /** The files beside it, in order. */
  readonly shards: readonly { readonly name: string; readonly bytes: Uint8Array }[];
}

/**
 * A frozen graph model as tfjs-converter writes it (docs: tfjs-converter/docs and tfjs-core/src/io/types.ts): input
 * `pixels` int32 [batch, height, width, channels] as `tf.browser.fromPixels` gives it, output `probabilities`, or a
 * detector's `raw_boxes` and `raw_scores`: suppression class by class is no operation of tfjs'.
 */
export function tfjsGraphModel(
  graph: InferenceGraph,
  stored: readonly StoredWeight[],
  description: Pick<ModelDescription, 'classes' | 'image'>,
  kinds: AttributeKinds,
): TfjsModel {
  const plain = withoutPaddedPools(graph, kinds);
  const sides = [graph.batch ?? -1, graph.heightPx, graph.widthPx, graph.channels];
  const nodes = [
    placeholder('pixels', DT.int32, sides),
    castNode('float', 'pixels', DT.int32, DT.float),
    ...tensorFlowNodes(plain, { pixels: 'float', kinds }),
  ];
  const extra = [...plain.weights.values()].filter(({ name }) => !graph.weights.has(name));
  const all = [...stored, ...extra.map((weight): StoredWeight => ({ ...weight, kind: 'float32' }))];
  const integers = nodes.filter(({ op }) => op === 'Const');
  const weights = [...all.map(weightEntry), ...integers.map(integerEntry)];
  const bytes = Buffer.concat(weights.map((each) => each.bytes));
  const shards = cut(bytes);
  const info = (name: string, dtype: string, shape: readonly number[]) => ({
    name: `${name}:0`,
    dtype,
    tensorShape: { dim: shape.map((size) => ({ size: String(size) })) },
  });
  const json = {
    format: 'graph-model',
    generatedBy: 'graft',
    convertedBy: 'graft',
    signature: {
      inputs: { pixels: info('pixels', 'DT_INT32', sides) },
      outputs: Object.fromEntries(
        outputShapes(graph.outputs, description.classes.length).map(([name, shape]) => [
          name,
          info(name, 'DT_FLOAT', shape),
        ]),
      ),
    },
    userDefinedMetadata: { classes: description.classes, image: description.image },
    modelTopology: {
      node: [...all.map(weightNode), ...nodes.map(topologyNode)],
      versions: { producer: 1087 },
    },
    weightsManifest: [{ paths: shards.map(({ name }) => name), weights: weights.map(({ entry }) => entry) }],
  };
  return { json, shards };
}

/** Weights lie back to back, whatever file they fall into. */
function cut(bytes: Uint8Array): TfjsModel['shards'] {
  const count = Math.max(1, Math.ceil(bytes.length / SHARD_BYTES));
  return Array.from({ length: count }, (_, index) => ({
    name: `group1-shard${index + 1}of${count}.bin`,
    bytes: bytes.subarray(index * SHARD_BYTES, (index + 1) * SHARD_BYTES),
  }));
}

interface WeightEntry {
  readonly entry: object;
  readonly bytes: Uint8Array;
}

function weightEntry(stored: StoredWeight): WeightEntry {
  const { name, shape } = stored;
  const entry = { name, shape, dtype: 'float32' };
  switch (stored.kind) {
    case 'float32':
      return { entry, bytes: bytesOf(stored.values) };
    case 'float16':
      return {
        entry: { ...entry, quantization: { dtype: 'float16', original_dtype: 'float32' } },
        bytes: bytesOf(stored.bits),
      };
    case 'affine': {
      const { scale, minimum } = stored;
      const quantization = { dtype: 'uint8', scale, min: minimum, original_dtype: 'float32' };
      return { entry: { ...entry, quantization }, bytes: stored.values };
    }
    case 'int8':
      throw new Error(`${name}: tfjs knows no scales of channels`);
  }
}

function integerEntry({ name, attr }: NodeDef): WeightEntry {
  const tensor = attr['value']?.tensor;
  const shape = tensor?.tensorShape.dim.map(({ size }) => size) ?? [];
  return { entry: { name, shape, dtype: 'int32' }, bytes: tensor?.tensorContent ?? new Uint8Array(0) };
}

const weightNode = ({ name, shape }: StoredWeight): object => ({
  ...{ name, op: 'Const', input: [] },
  attr: { dtype: { type: 'DT_FLOAT' }, value: { tensor: { dtype: 'DT_FLOAT', tensorShape: shapeJson(shape) } } },
});

/** protobuf's JSON form: 64-bit integers as text, bytes in base64, enums by name. Values of constants are left out. */
function topologyNode({ name, op, input, attr }: NodeDef): object {
  const defaults = DEFAULTS[op] ?? {};
  const own = Object.entries(attr).map(([key, each]) => [key, attrJson(each)]);
  return { name, op, input, attr: { ...defaults, ...Object.fromEntries(own) } };
}

const UNDILATED = { dilations: { list: { i: ['1', '1', '1', '1'] } } };
/** Attributes that TensorFlow takes as read and tfjs asks for. */
const DEFAULTS: Readonly<Record<string, object>> = { Conv2D: UNDILATED, DepthwiseConv2dNative: UNDILATED };

function attrJson({ s, i, f, b, type, shape, tensor, list }: AttrValue): object {
  if (s !== undefined) return { s: Buffer.from(s).toString('base64') };
  if (i !== undefined) return { i: String(i) };
  if (f !== undefined) return { f };
  if (b !== undefined) return { b };
  if (type !== undefined) return { type: typeName(type) };
  if (shape !== undefined) return { shape: shapeJson(shape.dim.map(({ size }) => size)) };
  if (tensor !== undefined) {
    const sides = tensor.tensorShape.dim.map(({ size }) => size);
    return { tensor: { dtype: typeName(tensor.dtype), tensorShape: shapeJson(sides) } };
  }
  return { list: { ...(list?.i ? { i: list.i.map(String) } : {}), ...(list?.f ? { f: list.f } : {}) } };
}

const shapeJson = (shape: readonly number[]): object => ({ dim: shape.map((size) => ({ size: String(size) })) });

function typeName(type: number): string {
  const found = Object.entries(DT).find(([, number]) => number === type);
  if (!found) throw new Error(`element type ${type}`);
  return `DT_${found[0].toUpperCase()}`;
}

const bytesOf = (values: Float32Array | Uint16Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

const LOWEST = 'constants/lowest';
/** −max of float32. */
const LOWEST_VALUE = -3.4028234663852886e38;

/** tfjs pools without explicit padding: the border is put on by an operation of its own, where it is never the largest. */
function withoutPaddedPools(graph: InferenceGraph, kinds: AttributeKinds): InferenceGraph {
  if (!graph.nodes.some(isPaddedPool)) return graph;
  const nodes: GraphNode[] = [];
  const integers = [...graph.integers];
  const moved = new Map<number, number>();
  const renumbered = (ref: GraphRef): GraphRef =>
    ref.kind === 'node' ? { ...ref, index: moved.get(ref.index) ?? ref.index } : ref;
  for (const [index, node] of graph.nodes.entries()) {
    let inputs = node.inputs.map(renumbered);
    let attributes = node.attributes;
    if (isPaddedPool(node)) {
      integers.push({ shape: [4, 2], values: Int32Array.from(numbersOf(node, 'explicit_paddings')) });
      const types = [
        { name: 'T', type: kinds.TF_ATTR_TYPE, value: DT.float },
        { name: 'Tpaddings', type: kinds.TF_ATTR_TYPE, value: DT.int32 },
      ];
      const pads: GraphRef = { kind: 'integers', index: integers.length - 1 };
      nodes.push({ op: 'PadV2', attributes: types, inputs: [...inputs, pads, { kind: 'weight', name: LOWEST }] });
      inputs = [{ kind: 'node', index: nodes.length - 1, output: 0 }];
      attributes = node.attributes
        .filter(({ name }) => name !== 'explicit_paddings')
        .map((each) => (each.name === 'padding' ? { ...each, value: 'VALID' } : each));
    }
    nodes.push({ op: node.op, attributes, inputs });
    moved.set(index, nodes.length - 1);
  }
  const lowest: GraphWeight = { name: LOWEST, shape: [], values: new Float32Array([LOWEST_VALUE]) };
  const outputs = renumberedOutputs(graph.outputs, renumbered);
  return { ...graph, nodes, outputs, integers, weights: new Map([...graph.weights, [LOWEST, lowest]]) };
}

function renumberedOutputs(outputs: GraphOutputs, renumbered: (ref: GraphRef) => GraphRef): GraphOutputs {
  switch (outputs.kind) {
    case 'classes':
      return { ...outputs, probabilities: renumbered(outputs.probabilities) };
    case 'objects': {
      const { boxes, scores, proposals } = outputs;
      const moved = proposals && { ...proposals, ref: renumbered(proposals.ref) };
      return { ...outputs, boxes: renumbered(boxes), scores: renumbered(scores), proposals: moved };
    }
    default:
      return unreachable(outputs);
  }
}

const isPaddedPool = (node: GraphNode): boolean => node.op === 'MaxPool' && attributeOf(node, 'padding') === 'EXPLICIT';
