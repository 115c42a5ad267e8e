import type { ObjectOutputs } from './inference-graph.ts';
import { TO_CHANNELS_LAST } from './layout.ts';
import type { OnnxBuilder } from './onnx-builder.ts';
import { ONNX_TYPE } from './onnx-proto.ts';
import type { OnnxValue } from './onnx-proto.ts';

interface Objects extends Pick<ObjectOutputs, 'boxesShape' | 'scoresShape' | 'suppression'> {
  readonly batch: number | null;
}

/**
 * What suppression leaves of `boxes` [batch, 4, count, 1 or classes] and `scores` [batch, count, classes]: class by class, then
 * the surest of all. Outputs `boxes` [batch, most, 4], `scores` and `indexes` [batch, most], `count` [batch], with noughts
 * behind the last, and both as they were: `raw_boxes` [batch, count, 1 or classes, 4], `raw_scores`.
 */
export function writeObjects(
  builder: OnnxBuilder,
  given: { readonly boxes: string; readonly scores: string },
  { boxesShape, scoresShape, suppression, batch }: Objects,
): readonly OnnxValue[] {
  const [, count = 1, each = 1] = boxesShape;
  const classes = scoresShape[2] ?? 1;
  const most = Math.min(suppression.total, count * classes);
  const boxes = builder.op('Transpose', [given.boxes], { perm: TO_CHANNELS_LAST }, 'raw_boxes');
  const scores = builder.op('Identity', [given.scores], {}, 'raw_scores');
  const kept = keptScores(builder, { boxes, scores }, { count, each, classes, suppression });
  const [sure = '', places = ''] = builder.split('TopK', [kept, builder.integers([most])], 2, { axis: -1 });
  const labels = builder.op('Div', [places, builder.integer(count)]);
  const candidates = builder.op('Sub', [places, builder.op('Mul', [labels, builder.integer(count)])]);
  const column = (name: string): string => builder.op('Unsqueeze', [name, builder.integers([2])]);
  const found = builder.op('Cast', [builder.op('Greater', [sure, builder.scalar(0)])], { to: ONNX_TYPE.int64 });
  const mask = builder.op('Cast', [found], { to: ONNX_TYPE.float });
  const rows = each === 1 ? builder.op('Squeeze', [boxes, builder.integers([2])]) : boxes;
  const at = each === 1 ? column(candidates) : builder.op('Concat', [column(candidates), column(labels)], { axis: 2 });
  const picked = builder.op('GatherND', [rows, at], { batch_dims: 1 });
  const limits = [builder.scalar(0), builder.scalar(1)];
  const cut = suppression.clips ? builder.op('Clip', [picked, ...limits]) : picked;
  builder.op('Mul', [cut, column(mask)], {}, 'boxes');
  builder.op('Identity', [sure], {}, 'scores');
  builder.op('Mul', [labels, found], {}, 'indexes');
  builder.op('ReduceSum', [found, builder.integers([1])], { keepdims: 0 }, 'count');
  const first = batch ?? 'batch';
  return [
    { name: 'boxes', type: ONNX_TYPE.float, shape: [first, most, 4] },
    { name: 'scores', type: ONNX_TYPE.float, shape: [first, most] },
    { name: 'indexes', type: ONNX_TYPE.int64, shape: [first, most] },
    { name: 'count', type: ONNX_TYPE.int64, shape: [first] },
    { name: 'raw_boxes', type: ONNX_TYPE.float, shape: [first, ...boxesShape.slice(1)] },
    { name: 'raw_scores', type: ONNX_TYPE.float, shape: [first, ...scoresShape.slice(1)] },
  ];
}

interface Suppressing {
  readonly count: number;
  readonly each: number;
  readonly classes: number;
  readonly suppression: ObjectOutputs['suppression'];
}

/** [batch, classes · count]: the scores of what stays, and 0. Where each class has boxes of its own it is a picture of its own. */
function keptScores(
  builder: OnnxBuilder,
  { boxes, scores }: { readonly boxes: string; readonly scores: string },
  { count, each, classes, suppression }: Suppressing,
): string {
  const reshaped = (name: string, shape: readonly number[]): string =>
    builder.op('Reshape', [name, builder.integers(shape)]);
  const byClass = builder.op('Transpose', [scores], { perm: [0, 2, 1] });
  const shared = each === 1;
  const places = shared ? boxes : builder.op('Transpose', [boxes], { perm: [0, 2, 1, 3] });
  const inputs = [reshaped(places, [-1, count, 4]), shared ? byClass : reshaped(byClass, [-1, 1, count])];
  const [, sure = ''] = inputs;
  const { perClass, iouThreshold, scoreThreshold } = suppression;
  const limits = [builder.integers([perClass]), builder.floats([iouThreshold]), builder.floats([scoreThreshold])];
  const kept = builder.op('NonMaxSuppression', [...inputs, ...limits]);
  const noughts = builder.op('ConstantOfShape', [builder.op('Shape', [sure])]);
  // [kept, 3] of picture, class and box: places among the scores.
  const picked = builder.op('GatherND', [sure, kept]);
  const spread = builder.op('ScatterND', [noughts, kept, picked]);
  return reshaped(spread, [-1, classes * count]);
}
