import type { GraphNode } from './inference-graph.ts';
import type { OnnxBuilder, OnnxRef } from './onnx-builder.ts';
import type { OnnxContext } from './onnx-picking.ts';
import { ONNX_TYPE } from './onnx-proto.ts';

/**
 * TensorFlow's CropAndResize by RoiAlign: samples lie from edge to edge of a box there and in the middles of its bins here,
 * so the region is half a bin larger on every side. Beyond the map the two differ, which no crop of graft's reaches
 * (ml/detectors/faster-rcnn.ts).
 */
export function writeCrops(context: OnnxContext, node: GraphNode): OnnxRef {
  const { builder } = context;
  const [map, boxes] = [context.live(node.inputs[0]), context.live(node.inputs[1])];
  const [height = 1, width = 1] = context.integersOf(node, 3);
  const last = lastCells(builder, map.name);
  const edges = builder.op('Mul', [boxes.name, builder.op('Concat', [last, last], { axis: 0 })]);
  const from = halfOf(builder, edges, 0);
  const sizes = builder.op('Sub', [halfOf(builder, boxes.name, 2), halfOf(builder, boxes.name, 0)]);
  // As in TensorFlow's kernel: (bottom − top) · (rows − 1) / (samples − 1).
  const steps = builder.op('Div', [builder.op('Mul', [sizes, last]), builder.floats(spaces([height, width]))]);
  // A lone sample lies in the middle as it is.
  const shares = [height, width].map((samples) => (samples === 1 ? 0 : 0.5));
  const half = builder.op('Mul', [steps, builder.floats(shares)]);
  // RoiAlign takes half a cell off again: its cells have their middles at ½.
  const shifted = builder.op('Add', [builder.op('Sub', [from, half]), builder.scalar(0.5)]);
  const lengths = builder.op('Mul', [steps, builder.floats([height, width])]);
  const regions = builder.op('Concat', [shifted, builder.op('Add', [shifted, lengths])], { axis: 1 });
  // x before y.
  const turned = builder.op('Gather', [regions, builder.integers([1, 0, 3, 2])], { axis: 1 });
  const crops = builder.op('RoiAlign', [map.name, turned, context.any(node.inputs[2]).name], {
    ...{ output_height: height, output_width: width, sampling_ratio: 1 },
    ...{ mode: 'avg', coordinate_transformation_mode: 'half_pixel' },
  });
  return { name: crops, rank: 4 };
}

/** float32 [2]: rows − 1 and columns − 1 of [batch, channels, rows, columns]. */
function lastCells(builder: OnnxBuilder, map: string): string {
  const sides = builder.op('Slice', [builder.op('Shape', [map]), builder.integers([2]), builder.integers([4])]);
  return builder.op('Cast', [builder.op('Sub', [sides, builder.integers([1])])], { to: ONNX_TYPE.float });
}

/** Two of the four columns of boxes, from `at`. */
function halfOf(builder: OnnxBuilder, boxes: string, at: number): string {
  return builder.op('Gather', [boxes, builder.integers([at, at + 1])], { axis: 1 });
}

/** Between samples; the whole box where there is one alone. */
const spaces = (samples: readonly number[]): readonly number[] => samples.map((count) => Math.max(1, count - 1));
