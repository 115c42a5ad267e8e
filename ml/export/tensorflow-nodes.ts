import { unreachable } from '../../core/errors.ts';
import { constant, node, shapeOf, text } from '../engine/nodes.ts';
import type { AttrValue, NodeDef } from '../engine/saved-model.ts';
import type { Attribute, Binding } from '../native/backend.ts';
import { DT } from './element-types.ts';
import type { GraphNode, GraphOutputs, GraphRef, InferenceGraph } from './inference-graph.ts';

/** The kinds of attributes, as TensorFlow's addon numbers them. */
export type AttributeKinds = Pick<
  Binding,
  'TF_ATTR_STRING' | 'TF_ATTR_INT' | 'TF_ATTR_FLOAT' | 'TF_ATTR_BOOL' | 'TF_ATTR_TYPE'
>;

export interface NodesOptions {
  /** The node that gives float32 pixels 0–255 [batch, height, width, channels]. */
  readonly pixels: string;
  readonly kinds: AttributeKinds;
}

/** What the outputs are called in every format. */
export function outputNames(outputs: GraphOutputs): readonly (readonly [string, GraphRef])[] {
  switch (outputs.kind) {
    case 'classes':
      return [['probabilities', outputs.probabilities]];
    case 'objects':
      return [
        ['raw_boxes', outputs.boxes],
        ['raw_scores', outputs.scores],
        ...(outputs.proposals ? [['raw_proposals', outputs.proposals.ref] as const] : []),
      ];
    default:
      return unreachable(outputs);
  }
}

/** Their shapes by name; −1 for any. */
export function outputShapes(
  outputs: GraphOutputs,
  classes: number,
): readonly (readonly [string, readonly number[]])[] {
  switch (outputs.kind) {
    case 'classes':
      return [['probabilities', [-1, classes]]];
    case 'objects':
      return [
        ['raw_boxes', outputs.boxesShape],
        ['raw_scores', outputs.scoresShape],
        ...(outputs.proposals ? [['raw_proposals', outputs.proposals.shape] as const] : []),
      ];
    default:
      return unreachable(outputs);
  }
}

/** Name of the node of an operation: of an output's, the output's. */
export function nodeName({ nodes, outputs }: InferenceGraph, index: number): string {
  const output = outputNames(outputs).find(([, ref]) => ref.kind === 'node' && ref.index === index);
  return output?.[0] ?? `graph/${index}_${nodes[index]?.op ?? ''}`;
}

/** Nodes of the network and of its whole-number constants. Each weight `w` is to be a node of its name, of float32. */
export function tensorFlowNodes(graph: InferenceGraph, { pixels, kinds }: NodesOptions): NodeDef[] {
  const integers = graph.integers.map(({ shape, values }, index) =>
    node(integersName(index), 'Const', [], constant({ shape, dtype: DT.int32, values })),
  );
  const named = (ref: GraphRef): string => {
    switch (ref.kind) {
      case 'pixels':
        return pixels;
      case 'weight':
        return ref.name;
      case 'integers':
        return integersName(ref.index);
      case 'node':
        return ref.output === 0 ? nodeName(graph, ref.index) : `${nodeName(graph, ref.index)}:${ref.output}`;
    }
  };
  const nodes = graph.nodes.map((each, index) =>
    node(nodeName(graph, index), each.op, each.inputs.map(named), attributesOf(each, kinds)),
  );
  return [...integers, ...nodes];
}

const integersName = (index: number): string => `integers/${index}`;

/** A placeholder of any batch size. */
export function placeholder(name: string, dtype: number, shape: readonly number[]): NodeDef {
  return node(name, 'Placeholder', [], { dtype: { type: dtype }, shape: { shape: shapeOf(shape) } });
}

export function castNode(name: string, input: string, from: number, to: number): NodeDef {
  return node(name, 'Cast', [input], { SrcT: { type: from }, DstT: { type: to } });
}

export function constNode(name: string, dtype: number, shape: readonly number[], values: ArrayBufferView): NodeDef {
  const tensorContent = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const tensor = { dtype, tensorShape: shapeOf(shape), tensorContent };
  return node(name, 'Const', [], { dtype: { type: dtype }, value: { tensor } });
}

/** int32. */
export function scalarConst(name: string, value: number): NodeDef {
  return constNode(name, DT.int32, [], new Int32Array([value]));
}

function attributesOf({ attributes }: GraphNode, kinds: AttributeKinds): Record<string, AttrValue> {
  return Object.fromEntries(attributes.map((each) => [each.name, attrValue(each, kinds)]));
}

function attrValue({ type, value }: Attribute, kinds: AttributeKinds): AttrValue {
  const all = Array.isArray(value) ? value : [value];
  const isList = Array.isArray(value);
  switch (type) {
    case kinds.TF_ATTR_STRING:
      return text(String(value));
    case kinds.TF_ATTR_INT:
      return isList ? { list: { i: all.map(Number) } } : { i: Number(value) };
    case kinds.TF_ATTR_FLOAT:
      return isList ? { list: { f: all.map(Number) } } : { f: Number(value) };
    case kinds.TF_ATTR_BOOL:
      return { b: value === true };
    case kinds.TF_ATTR_TYPE:
      return { type: Number(value) };
    default:
      throw new Error(`attribute of kind ${type}`);
  }
}
