import type { ModelDescription } from '../../contracts/manifests.ts';
import { node, shapeOf } from '../engine/nodes.ts';
import { encodeSavedModel } from '../engine/saved-model.ts';
import type { AttrValue, NodeDef, TensorInfo } from '../engine/saved-model.ts';
import { DT } from './element-types.ts';
import type { GraphOutputs, InferenceGraph } from './inference-graph.ts';
import { objectNodes, objectSignature, suppressionConstants } from './object-nodes.ts';
import { PICTURE_FUNCTION, pictureFunction } from './picture-function.ts';
import type { StoredWeight } from './stored-weight.ts';
import { castNode, constNode, placeholder, scalarConst, tensorFlowNodes } from './tensorflow-nodes.ts';
import type { AttributeKinds } from './tensorflow-nodes.ts';

/** Nodes that runs feed and fetch. */
export const savedModelNodes = {
  bytes: 'image_bytes',
  pixels: 'pixels',
  /** Where what is made of pixels lies, and of pictures. */
  ofPixels: 'from_pixels',
  ofBytes: 'from_bytes',
  decoded: 'decoded',
} as const;

const PREDICT = 'tensorflow/serving/predict';

/**
 * A frozen SavedModel with two signatures over the same weights. `serving_default`: `image_bytes`, a string of JPEG or
 * PNG for each picture, is decoded and resized in the graph; `pixels`: uint8 [batch, height, width, channels]. Both give
 * `probabilities` float32 [batch, classes] in the order of `classes`, a string [classes], and `label`, the likeliest; of a
 * detector what `objectNodes` names, boxes in shares of the picture, or of the frame that pixels are.
 */
export function savedModel(
  graph: InferenceGraph,
  stored: readonly StoredWeight[],
  description: Pick<ModelDescription, 'classes' | 'image'>,
  kinds: AttributeKinds,
): Uint8Array {
  const { classes, image } = description;
  const { bytes, pixels, decoded, ofBytes, ofPixels } = savedModelNodes;
  const { batch, outputs } = graph;
  const rows = batch ?? -1;
  const finds = outputs.kind === 'objects';
  const sides = [image.heightPx, image.widthPx, image.channels];
  const given = finds ? [sides, [4], [4]] : [sides];
  const mapped = node(decoded, 'MapDefun', [bytes], {
    ...{ Targuments: { list: { type: [DT.string] } }, Tcaptured: { list: { type: [] } } },
    ...{ output_types: { list: { type: given.map((_, index) => (index === 0 ? DT.uint8 : DT.float)) } } },
    output_shapes: { list: { shape: given.map(shapeOf) } },
    ...{ f: { func: { name: PICTURE_FUNCTION } }, max_intra_op_parallelism: { i: 1 } },
  });
  const nodes = [
    ...stored.flatMap(weightNodes),
    stringConst('classes', classes),
    placeholder(bytes, DT.string, [rows]),
    placeholder(pixels, DT.uint8, [rows, ...sides]),
    mapped,
    ...(finds ? suppressionConstants(outputs) : []),
    ...branch(graph, { prefix: ofBytes, input: decoded, kinds }),
    ...branch(graph, { prefix: ofPixels, input: pixels, kinds }),
  ];
  const signature = (input: string, info: TensorInfo, prefix: string) => ({
    inputs: { [input]: info },
    outputs: {
      ...signatureOf(graph, prefix, classes.length),
      classes: tensor('classes', DT.string, [classes.length]),
    },
    methodName: PREDICT,
  });
  return encodeSavedModel(nodes, {
    functions: [pictureFunction(image, { places: finds })],
    signatures: {
      serving_default: signature(bytes, tensor(bytes, DT.string, [rows]), ofBytes),
      pixels: signature(pixels, tensor(pixels, DT.uint8, [rows, ...sides]), ofPixels),
    },
  });
}

interface Branch {
  readonly prefix: string;
  readonly input: string;
  readonly kinds: AttributeKinds;
}

/** The network behind one input. Weights are shared: their nodes stand outside. */
function branch(graph: InferenceGraph, { prefix, input, kinds }: Branch): NodeDef[] {
  const inside = tensorFlowNodes(graph, { pixels: 'float', kinds });
  const own = new Set(['float', ...inside.map(({ name }) => name)]);
  // `node:1` is a further output of a node.
  const placed = (name: string): string => (own.has(name.replace(/:\d+$/, '')) ? `${prefix}/${name}` : name);
  return [
    castNode(`${prefix}/float`, input, DT.uint8, DT.float),
    ...inside.map((each) => ({ ...each, name: placed(each.name), input: each.input.map(placed) })),
    ...answerNodes(graph.outputs, prefix),
  ];
}

/** What becomes of a network's outputs. */
function answerNodes(outputs: GraphOutputs, prefix: string): NodeDef[] {
  if (outputs.kind === 'objects') {
    const { decoded, ofBytes } = savedModelNodes;
    return objectNodes(outputs, prefix, prefix === ofBytes ? { scale: `${decoded}:1`, shift: `${decoded}:2` } : null);
  }
  const likeliest = `${prefix}/likeliest`;
  const ints = { Tidx: { type: DT.int32 }, output_type: { type: DT.int64 } };
  const gathered = { Tparams: { type: DT.string }, Tindices: { type: DT.int64 }, Taxis: { type: DT.int32 } };
  return [
    scalarConst(`${prefix}/axis`, 1),
    node(likeliest, 'ArgMax', [`${prefix}/probabilities`, `${prefix}/axis`], { T: { type: DT.float }, ...ints }),
    scalarConst(`${prefix}/first`, 0),
    node(`${prefix}/label`, 'GatherV2', ['classes', likeliest, `${prefix}/first`], gathered),
  ];
}

function signatureOf(graph: InferenceGraph, prefix: string, classes: number): Record<string, TensorInfo> {
  const { outputs } = graph;
  if (outputs.kind === 'objects') return objectSignature({ ...graph, outputs }, prefix);
  return {
    probabilities: tensor(`${prefix}/probabilities`, DT.float, [-1, classes]),
    label: tensor(`${prefix}/label`, DT.string, [-1]),
  };
}

function weightNodes(stored: StoredWeight): NodeDef[] {
  const { name, shape } = stored;
  switch (stored.kind) {
    case 'float32':
      return [constNode(name, DT.float, shape, stored.values)];
    case 'float16':
      return [
        constNode(`${name}/half`, DT.half, shape, stored.bits),
        castNode(name, `${name}/half`, DT.half, DT.float),
      ];
    case 'int8': {
      const spread = shape.map((side, axis) => (axis === stored.axis ? side : 1));
      return [
        constNode(`${name}/int8`, DT.int8, shape, stored.values),
        castNode(`${name}/wide`, `${name}/int8`, DT.int8, DT.float),
        constNode(`${name}/scale`, DT.float, spread, stored.scales),
        node(name, 'Mul', [`${name}/wide`, `${name}/scale`], { T: { type: DT.float } }),
      ];
    }
    case 'affine':
      throw new Error(`${name}: a SavedModel holds no affine weights`);
  }
}

function stringConst(name: string, values: readonly string[]): NodeDef {
  const stringVal = values.map((value) => Buffer.from(value));
  return node(
    name,
    'Const',
    [],
    attrOf(DT.string, { dtype: DT.string, tensorShape: shapeOf([values.length]), stringVal }),
  );
}

const attrOf = (type: number, tensor: NonNullable<AttrValue['tensor']>): Record<string, AttrValue> => ({
  dtype: { type },
  value: { tensor },
});

const tensor = (name: string, dtype: number, shape: readonly number[]): TensorInfo => ({
  name: `${name}:0`,
  dtype,
  tensorShape: shapeOf(shape),
});
