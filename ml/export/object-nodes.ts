import { node, shapeOf } from '../engine/nodes.ts';
import type { AttrValue, NodeDef, TensorInfo } from '../engine/saved-model.ts';
import { DT } from './element-types.ts';
import type { InferenceGraph, ObjectOutputs } from './inference-graph.ts';
import { castNode, constNode, scalarConst } from './tensorflow-nodes.ts';

/** Nodes of float32 [batch, 4] that bring boxes from shares of the frame to shares of the picture: box · scale + shift. */
export interface PlacementNodes {
  readonly scale: string;
  readonly shift: string;
}

const SUPPRESSION = 'suppression';

/** Numbers that suppression takes, once for every branch. */
export function suppressionConstants({ suppression }: ObjectOutputs): NodeDef[] {
  const { perClass, total, iouThreshold, scoreThreshold } = suppression;
  const float = (name: string, value: number): NodeDef => constNode(name, DT.float, [], new Float32Array([value]));
  return [
    scalarConst(`${SUPPRESSION}/per_class`, perClass),
    scalarConst(`${SUPPRESSION}/total`, total),
    float(`${SUPPRESSION}/iou`, iouThreshold),
    float(`${SUPPRESSION}/score`, scoreThreshold),
    float(`${SUPPRESSION}/nought`, 0),
    float(`${SUPPRESSION}/whole`, 1),
    stringScalar(`${SUPPRESSION}/nothing`, ''),
    scalarConst(`${SUPPRESSION}/first`, 0),
    scalarConst(`${SUPPRESSION}/second`, 1),
    scalarConst(`${SUPPRESSION}/last`, -1),
  ];
}

/**
 * What suppression leaves of `<prefix>/raw_boxes` and `<prefix>/raw_scores`, by TensorFlow's CombinedNonMaxSuppression: class
 * by class, then the surest of all. Nodes `boxes` [batch, total, 4], `scores`, `indexes` and `label` [batch, total] and
 * `count` [batch]; noughts and empty names behind the last. With a `placement` boxes are cut at the picture's edges.
 */
export function objectNodes(
  { suppression }: ObjectOutputs,
  prefix: string,
  placement: PlacementNodes | null,
): NodeDef[] {
  const at = (name: string): string => `${prefix}/${name}`;
  const of = (name: string): string => `${SUPPRESSION}/${name}`;
  const T = { T: { type: DT.float } };
  const gathered = { Tparams: { type: DT.string }, Tindices: { type: DT.int32 }, Taxis: { type: DT.int32 } };
  const inputs = [at('raw_boxes'), at('raw_scores'), of('per_class'), of('total'), of('iou'), of('score')];
  return [
    node(at('kept'), 'CombinedNonMaxSuppression', inputs, {
      ...{ pad_per_class: { b: false }, clip_boxes: { b: suppression.clips } },
    }),
    node(at('scores'), 'Identity', [`${at('kept')}:1`], T),
    node(at('count'), 'Identity', [`${at('kept')}:3`], { T: { type: DT.int32 } }),
    castNode(at('indexes'), `${at('kept')}:2`, DT.float, DT.int32),
    node(at('is'), 'Greater', [at('scores'), of('nought')], T),
    node(at('names'), 'GatherV2', ['classes', at('indexes'), of('first')], gathered),
    node(at('label'), 'SelectV2', [at('is'), at('names'), of('nothing')], { T: { type: DT.string } }),
    ...(placement === null ? [node(at('boxes'), 'Identity', [at('kept')], T)] : placed(at, of, placement)),
  ];
}

function placed(at: (name: string) => string, of: (name: string) => string, { scale, shift }: PlacementNodes) {
  const T = { T: { type: DT.float } };
  const expanded = (name: string, input: string, axis: string): NodeDef =>
    node(at(name), 'ExpandDims', [input, of(axis)], { ...T, Tdim: { type: DT.int32 } });
  return [
    expanded('scale', scale, 'second'),
    expanded('shift', shift, 'second'),
    node(at('scaled'), 'Mul', [at('kept'), at('scale')], T),
    node(at('shifted'), 'AddV2', [at('scaled'), at('shift')], T),
    node(at('from'), 'Maximum', [at('shifted'), of('nought')], T),
    node(at('within'), 'Minimum', [at('from'), of('whole')], T),
    castNode(at('mask'), at('is'), DT.bool, DT.float),
    expanded('rows', at('mask'), 'last'),
    node(at('boxes'), 'Mul', [at('within'), at('rows')], T),
  ];
}

/** What a signature says of the nodes of a branch. */
export function objectSignature({ batch, outputs }: InferenceGraph & { outputs: ObjectOutputs }, prefix: string) {
  const rows = batch ?? -1;
  const { total } = outputs.suppression;
  const info = (name: string, dtype: number, shape: readonly number[]): TensorInfo => ({
    name: `${prefix}/${name}:0`,
    dtype,
    tensorShape: shapeOf(shape),
  });
  return {
    boxes: info('boxes', DT.float, [rows, total, 4]),
    scores: info('scores', DT.float, [rows, total]),
    indexes: info('indexes', DT.int32, [rows, total]),
    label: info('label', DT.string, [rows, total]),
    count: info('count', DT.int32, [rows]),
    raw_boxes: info('raw_boxes', DT.float, outputs.boxesShape),
    raw_scores: info('raw_scores', DT.float, outputs.scoresShape),
    ...(outputs.proposals ? { raw_proposals: info('raw_proposals', DT.float, outputs.proposals.shape) } : {}),
  };
}

function stringScalar(name: string, value: string): NodeDef {
  const tensor: AttrValue['tensor'] = { dtype: DT.string, tensorShape: shapeOf([]), stringVal: [Buffer.from(value)] };
  return node(name, 'Const', [], { dtype: { type: DT.string }, value: { tensor } });
}
