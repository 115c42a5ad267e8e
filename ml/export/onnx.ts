import type { ModelDescription } from '../../contracts/manifests.ts';
import { failedError } from '../../core/errors.ts';
import { attributeOf, numbersOf } from './inference-graph.ts';
import type { GraphNode, GraphRef, InferenceGraph, ObjectOutputs } from './inference-graph.ts';
import { channelsFirstAxis, TO_CHANNELS_FIRST, TO_CHANNELS_LAST } from './layout.ts';
import { OnnxBuilder, spread, useCounts, weightName } from './onnx-builder.ts';
import type { OnnxRef } from './onnx-builder.ts';
import { writeObjects } from './onnx-objects.ts';
import { pickingOf } from './onnx-picking.ts';
import type { OnnxContext } from './onnx-picking.ts';
import { encodeOnnx, ONNX_TYPE } from './onnx-proto.ts';
import type { OnnxAttribute, OnnxValue } from './onnx-proto.ts';
import type { StoredWeight } from './stored-weight.ts';

/** Least 64-bit integer: the end of a slice that goes down to the first. */
const DOWN_TO_FIRST = -(2 ** 63);

/**
 * An ONNX model: `pixels` uint8 [batch, height, width, channels] → `probabilities` float32 [batch, classes], or what
 * `writeObjects` names. Channels come first inside: pixels are turned once, weights when they are written.
 * EXPORT_OPERATION (failed) for an operation that is not known here.
 */
export function onnxModel(
  graph: InferenceGraph,
  stored: readonly StoredWeight[],
  { classes, image }: Pick<ModelDescription, 'classes' | 'image'>,
): Uint8Array {
  const translator = new Translator(graph, stored);
  const { builder, outputs } = translator.run(classes.length);
  const { nodes, initializers } = builder;
  const rows = graph.batch ?? 'batch';
  return encodeOnnx({
    nodes,
    initializers,
    inputs: [{ name: 'pixels', type: ONNX_TYPE.uint8, shape: [rows, graph.heightPx, graph.widthPx, graph.channels] }],
    outputs,
    metadata: { classes: JSON.stringify(classes), image: JSON.stringify(image) },
  });
}

class Translator implements OnnxContext {
  readonly builder: OnnxBuilder;
  private readonly graph: InferenceGraph;
  private readonly uses: ReadonlyMap<number, number>;
  private readonly done: (readonly OnnxRef[])[] = [];
  private pixels: OnnxRef = { name: '', rank: 4 };

  constructor(graph: InferenceGraph, stored: readonly StoredWeight[]) {
    this.graph = graph;
    this.builder = new OnnxBuilder(stored);
    this.uses = useCounts(graph.nodes);
  }

  run(classes: number): { readonly builder: OnnxBuilder; readonly outputs: readonly OnnxValue[] } {
    const wide = this.builder.op('Cast', ['pixels'], { to: ONNX_TYPE.float });
    this.pixels = { name: this.builder.op('Transpose', [wide], { perm: TO_CHANNELS_FIRST }), rank: 4 };
    for (const node of this.graph.nodes) {
      const several = pickingOf(node.op);
      this.done.push(several ? several(this, node) : [this.translate(node)]);
    }
    return { builder: this.builder, outputs: this.writeOutputs(classes) };
  }

  private writeOutputs(classes: number): readonly OnnxValue[] {
    const { outputs, batch } = this.graph;
    if (outputs.kind === 'objects') {
      const [boxes, scores] = [this.live(outputs.boxes).name, this.live(outputs.scores).name];
      return [...writeObjects(this.builder, { boxes, scores }, { ...outputs, batch }), ...this.writeProposals(outputs)];
    }
    this.builder.op('Identity', [this.live(outputs.probabilities).name], {}, 'probabilities');
    return [{ name: 'probabilities', type: ONNX_TYPE.float, shape: [batch ?? 'batch', classes] }];
  }

  private writeProposals({ proposals }: ObjectOutputs): readonly OnnxValue[] {
    if (proposals === null) return [];
    const name = this.builder.op('Identity', [this.live(proposals.ref).name], {}, 'raw_proposals');
    return [{ name, type: ONNX_TYPE.float, shape: proposals.shape }];
  }

  private translate(node: GraphNode): OnnxRef {
    const elementwise = ELEMENTWISE[node.op];
    if (elementwise !== undefined) return this.elementwise(node, elementwise);
    switch (node.op) {
      case 'Relu6':
        return this.like(node, 'Clip', [this.builder.scalar(0), this.builder.scalar(6)]);
      case 'Softmax':
        return this.like(node, 'Softmax', [], { axis: -1 });
      case 'Conv2D':
      case 'DepthwiseConv2dNative':
        return this.convolution(node);
      case 'BiasAdd':
        return this.biasAdd(node);
      case 'MaxPool':
        return this.pool(node, 'MaxPool');
      case 'AvgPool':
        return this.pool(node, 'AveragePool');
      case 'Mean':
        return this.mean(node);
      case 'MatMul':
        return this.matMul(node);
      default:
        return this.reshaping(node);
    }
  }

  /** Operations that move values about. */
  private reshaping(node: GraphNode): OnnxRef {
    switch (node.op) {
      case 'Pad':
      case 'PadV2':
        return this.pad(node);
      case 'Tile':
        return this.like(node, 'Tile', [this.builder.integers(firstChannels(this.integersOf(node, 1)))]);
      case 'ReverseV2': {
        const axes = this.integersOf(node, 1).map(channelsFirstAxis);
        const each = (value: number): string => this.builder.integers(axes.map(() => value));
        return this.like(node, 'Slice', [each(-1), each(DOWN_TO_FIRST), this.builder.integers(axes), each(-1)]);
      }
      case 'Reshape':
        return this.reshape(node);
      default:
        throw failedError(
          'EXPORT_OPERATION',
          `the network’s ${node.op}`,
          'ONNX export does not know this operation',
          'an operation that it knows',
          'export to saved-model or tfjs, or report it with the backbone’s name',
        );
    }
  }

  private like(
    node: GraphNode,
    opType: string,
    more: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): OnnxRef {
    const x = this.live(node.inputs[0]);
    return { name: this.builder.op(opType, [x.name, ...more], attributes), rank: x.rank };
  }

  private elementwise({ inputs }: GraphNode, opType: string): OnnxRef {
    const live = inputs.filter(({ kind }) => kind === 'pixels' || kind === 'node').map((ref) => this.live(ref));
    const rank = Math.max(...live.map((ref) => ref.rank));
    const names = inputs.map((ref) =>
      ref.kind === 'weight' ? spread(this.builder, ref.name, rank).name : this.any(ref).name,
    );
    return { name: this.builder.op(opType, names), rank };
  }

  private convolution(node: GraphNode): OnnxRef {
    const kernel = weightName(node.inputs[1], node.op);
    const [height = 1, width = 1, inChannels = 1, last = 1] = this.builder.shapeOf(kernel);
    const depthwise = node.op === 'DepthwiseConv2dNative';
    // [h, w, in, out] → [out, in, h, w]; a depthwise [h, w, in, each] → [in · each, 1, h, w].
    const weights = depthwise
      ? this.builder.weight(kernel, [2, 3, 0, 1], [inChannels * last, 1, height, width])
      : this.builder.weight(kernel, [3, 2, 0, 1], null);
    const attributes = { ...window(node), kernel_shape: [height, width], group: depthwise ? inChannels : 1 };
    return { name: this.builder.op('Conv', [this.live(node.inputs[0]).name, weights.name], attributes), rank: 4 };
  }

  /** A convolution whose output nobody else takes has a bias of its own. */
  private biasAdd({ op, inputs }: GraphNode): OnnxRef {
    const [of] = inputs;
    const x = this.live(of);
    const bias = weightName(inputs[1], op);
    const convolution = of?.kind === 'node' && this.uses.get(of.index) === 1 ? this.builder.retract(x.name) : null;
    if (convolution?.opType === 'Conv') {
      const { name } = this.builder.weight(bias, null, null);
      return { name: this.builder.op('Conv', [...convolution.input, name], convolution.attributes, x.name), rank: 4 };
    }
    if (convolution) this.builder.nodes.push(convolution);
    return { name: this.builder.op('Add', [x.name, spread(this.builder, bias, x.rank).name]), rank: x.rank };
  }

  private pool(node: GraphNode, opType: 'MaxPool' | 'AveragePool'): OnnxRef {
    return this.like(node, opType, [], { ...window(node), kernel_shape: numbersOf(node, 'ksize').slice(1, 3) });
  }

  private mean(node: GraphNode): OnnxRef {
    const x = this.live(node.inputs[0]);
    const given = this.integersOf(node, 1);
    const axes = x.rank === 4 ? given.map(channelsFirstAxis) : given;
    const keeps = attributeOf(node, 'keep_dims') === true;
    const rank = keeps ? x.rank : x.rank - axes.length;
    return { name: this.builder.op('ReduceMean', [x.name], { axes, keepdims: keeps ? 1 : 0 }), rank };
  }

  private matMul(node: GraphNode): OnnxRef {
    const [a, b] = [this.live(node.inputs[0]), this.any(node.inputs[1])];
    const flag = (name: string): number => (attributeOf(node, name) === true ? 1 : 0);
    const attributes = { transA: flag('transpose_a'), transB: flag('transpose_b') };
    return { name: this.builder.op('Gemm', [a.name, b.name], attributes), rank: 2 };
  }

  private pad(node: GraphNode): OnnxRef {
    const pairs = this.integersOf(node, 1);
    const axes = [0, 1, 2, 3].map((axis) => pairs.slice(2 * axis, 2 * axis + 2));
    const turned = TO_CHANNELS_FIRST.map((axis) => axes[axis] ?? []);
    const pads = [...turned.map(([before = 0]) => before), ...turned.map(([, after = 0]) => after)];
    const value = node.inputs[2] ? [this.any(node.inputs[2]).name] : [];
    return this.like(node, 'Pad', [this.builder.integers(pads), ...value], { mode: 'constant' });
  }

  /** Values go in the order of channels-last pictures, whatever is done to them. */
  private reshape(node: GraphNode): OnnxRef {
    const x = this.live(node.inputs[0]);
    const shape = this.integersOf(node, 1);
    const from = x.rank === 4 ? this.builder.op('Transpose', [x.name], { perm: TO_CHANNELS_LAST }) : x.name;
    const reshaped = this.builder.op('Reshape', [from, this.builder.integers(shape)]);
    if (shape.length !== 4) return { name: reshaped, rank: shape.length };
    return { name: this.builder.op('Transpose', [reshaped], { perm: TO_CHANNELS_FIRST }), rank: 4 };
  }

  integersOf({ op, inputs }: GraphNode, at: number): readonly number[] {
    const ref = inputs[at];
    const found = ref?.kind === 'integers' ? this.graph.integers[ref.index] : undefined;
    if (!found) throw new Error(`${op}: input ${at} is no constant`);
    return [...found.values];
  }

  any(ref: GraphRef | undefined): OnnxRef {
    if (ref?.kind === 'weight') return this.builder.weight(ref.name, null, null);
    if (ref?.kind !== 'integers') return this.live(ref);
    const { shape, values } = this.graph.integers[ref.index] ?? { shape: [], values: new Int32Array(1) };
    if (shape.length > 1) throw new Error(`whole numbers of [${shape.join(', ')}]`);
    const name = shape.length === 0 ? this.builder.integer(values[0] ?? 0) : this.builder.integers([...values]);
    return { name, rank: shape.length };
  }

  live(ref: GraphRef | undefined): OnnxRef {
    if (ref?.kind === 'pixels') return this.pixels;
    const found = ref?.kind === 'node' ? this.done[ref.index]?.[ref.output] : undefined;
    if (!found) throw new Error('an operation takes what hangs on no pixels');
    return found;
  }
}

/** Operations on each value by itself, by TensorFlow's names and by ONNX's. */
const ELEMENTWISE: Readonly<Record<string, string>> = {
  AddV2: 'Add',
  Sub: 'Sub',
  Mul: 'Mul',
  RealDiv: 'Div',
  Maximum: 'Max',
  Minimum: 'Min',
  Relu: 'Relu',
  Sigmoid: 'Sigmoid',
  Tanh: 'Tanh',
  Erf: 'Erf',
  Exp: 'Exp',
  Sqrt: 'Sqrt',
  Neg: 'Neg',
  Less: 'Less',
};

const firstChannels = (values: readonly number[]): readonly number[] =>
  TO_CHANNELS_FIRST.map((axis) => values[axis] ?? 1);

/** Strides and padding of a convolution or a pooling. TensorFlow's SAME puts the odd pixel below and right. */
function window(node: GraphNode): Readonly<Record<string, OnnxAttribute>> {
  const strides = numbersOf(node, 'strides').slice(1, 3);
  switch (String(attributeOf(node, 'padding'))) {
    case 'SAME':
      return { strides, auto_pad: 'SAME_UPPER' };
    case 'EXPLICIT': {
      const [, , top = 0, bottom = 0, left = 0, right = 0] = numbersOf(node, 'explicit_paddings');
      return { strides, pads: [top, left, bottom, right] };
    }
    default:
      return { strides };
  }
}
