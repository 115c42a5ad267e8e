import { failedError } from '../../core/errors.ts';
import { attributeOf } from './inference-graph.ts';
import type { GraphNode, GraphRef } from './inference-graph.ts';
import { channelsFirstAxis } from './layout.ts';
import type { OnnxBuilder, OnnxRef } from './onnx-builder.ts';
import { writeCrops } from './onnx-crops.ts';
import { ONNX_TYPE } from './onnx-proto.ts';

/** A graph that is being translated. */
export interface OnnxContext {
  readonly builder: OnnxBuilder;
  /** What hangs on the pixels. */
  live(ref: GraphRef | undefined): OnnxRef;
  /** The same, or a weight or whole numbers. */
  any(ref: GraphRef | undefined): OnnxRef;
  /** Values of a whole-number input. */
  integersOf(node: GraphNode, at: number): readonly number[];
}

type Translate = (context: OnnxContext, node: GraphNode) => readonly OnnxRef[];

/** How an operation that cuts, joins or picks is written: all that detectors have beyond classifiers. */
export const pickingOf = (op: string): Translate | undefined => PICKING[op];

const PICKING: Readonly<Record<string, Translate>> = {
  Slice: (context, node) => [slice(context, node)],
  ConcatV2: (context, node) => [concat(context, node)],
  Pack: (context, node) => [pack(context, node)],
  Unpack: unpack,
  Cast: (context, node) => [cast(context, node)],
  GatherV2: (context, node) => [gather(context, node)],
  TopKV2: topK,
  NonMaxSuppressionV4: suppressed,
  CropAndResize: (context, node) => [writeCrops(context, node)],
};

/** Of a channels-last array of this rank, where an axis lies here. */
const axisOf = (axis: number, rank: number): number =>
  rank === 4 ? channelsFirstAxis(axis) : axis < 0 ? axis + rank : axis;

/** Beyond any side. */
const TO_THE_END = 2 ** 53;

function slice(context: OnnxContext, node: GraphNode): OnnxRef {
  const { builder } = context;
  const x = context.live(node.inputs[0]);
  const [begin, size] = [context.integersOf(node, 1), context.integersOf(node, 2)];
  const ends = begin.map((from, axis) => (size[axis] === -1 ? TO_THE_END : from + (size[axis] ?? 0)));
  const axes = begin.map((_, axis) => axisOf(axis, x.rank));
  const inputs = [x.name, ...[begin, ends, axes].map((values) => builder.integers(values))];
  return { name: builder.op('Slice', inputs), rank: x.rank };
}

function concat(context: OnnxContext, node: GraphNode): OnnxRef {
  const parts = node.inputs.slice(0, -1).map((ref) => context.any(ref));
  const [axis = 0] = context.integersOf(node, node.inputs.length - 1);
  const rank = Math.max(...parts.map((part) => part.rank));
  const names = parts.map(({ name }) => name);
  return { name: context.builder.op('Concat', names, { axis: axisOf(axis, rank) }), rank };
}

function pack(context: OnnxContext, node: GraphNode): OnnxRef {
  const { builder } = context;
  const parts = node.inputs.map((ref) => context.any(ref));
  const rank = Math.max(...parts.map((part) => part.rank)) + 1;
  const axis = axisOf(lastIsNew(node, rank), rank);
  const at = builder.integers([axis]);
  const names = parts.map(({ name }) => builder.op('Unsqueeze', [name, at]));
  return { name: builder.op('Concat', names, { axis }), rank };
}

function unpack(context: OnnxContext, node: GraphNode): readonly OnnxRef[] {
  const { builder } = context;
  const x = context.live(node.inputs[0]);
  const axis = axisOf(lastIsNew(node, x.rank), x.rank);
  return Array.from({ length: Number(attributeOf(node, 'num')) }, (_, index) => ({
    name: builder.op('Gather', [x.name, builder.integer(index)], { axis }),
    rank: x.rank - 1,
  }));
}

/** The axis that comes or goes. Of rank 4 it is the last: what is left is then in the same order either way. */
function lastIsNew(node: GraphNode, rank: number): number {
  const axis = Number(attributeOf(node, 'axis'));
  if (rank !== 4 || axis === -1 || axis === 3) return axis;
  const seen = `${node.op} along axis ${axis} of pictures`;
  throw failedError('EXPORT_OPERATION', 'the network', seen, 'the last axis', 'export to saved-model or tfjs');
}

/** To float32, which is all that is cast on the way. */
function cast(context: OnnxContext, node: GraphNode): OnnxRef {
  const x = context.live(node.inputs[0]);
  return { name: context.builder.op('Cast', [x.name], { to: ONNX_TYPE.float }), rank: x.rank };
}

/** Rows of a table. */
function gather(context: OnnxContext, node: GraphNode): OnnxRef {
  const [x, indexes] = [context.live(node.inputs[0]), context.any(node.inputs[1])];
  const name = context.builder.op('Gather', [x.name, indexes.name], { axis: 0 });
  return { name, rank: x.rank + indexes.rank - 1 };
}

function topK(context: OnnxContext, node: GraphNode): readonly OnnxRef[] {
  const { builder } = context;
  const x = context.live(node.inputs[0]);
  const count = builder.integers(context.integersOf(node, 1));
  return builder.split('TopK', [x.name, count], 2, { axis: -1 }).map((name) => ({ name, rank: x.rank }));
}

/** Indexes of the boxes that stay, padded with noughts, and how many there are: [1]. */
function suppressed(context: OnnxContext, node: GraphNode): readonly OnnxRef[] {
  const { builder } = context;
  const [boxes, scores] = [context.live(node.inputs[0]), context.live(node.inputs[1])];
  const [most = 0] = context.integersOf(node, 2);
  const limits = [context.any(node.inputs[3]).name, context.any(node.inputs[4]).name];
  const batched = builder.op('Unsqueeze', [boxes.name, builder.integers([0])]);
  const classed = builder.op('Unsqueeze', [scores.name, builder.integers([0, 1])]);
  const kept = builder.op('NonMaxSuppression', [batched, classed, builder.integers([most]), ...limits]);
  // [kept, 3]: picture, class, box.
  const indexes = builder.op('Gather', [kept, builder.integer(2)], { axis: 1 });
  const padding = builder.integers(new Array<number>(most).fill(0));
  const padded = builder.op('Concat', [indexes, padding], { axis: 0 });
  const [start, end] = [builder.integers([0]), builder.integers([most])];
  const first = builder.op('Slice', [padded, start, end]);
  return [
    { name: first, rank: 1 },
    { name: builder.op('Shape', [indexes]), rank: 1 },
  ];
}
