import { constant, node, shapeOf, text } from '../engine/nodes.ts';
import type { AttrValue, NodeDef } from '../engine/saved-model.ts';
import type { Attribute, Binding } from '../native/backend.ts';
import { DT } from './element-types.ts';
import type { GraphNode, GraphRef, InferenceGraph } from './inference-graph.ts';

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

/** Name of the node of an operation; the last one gives the probabilities. */
export const nodeName = (graph: InferenceGraph, index: number): string =>
  index === graph.nodes.length - 1 ? 'probabilities' : `graph/${index}_${graph.nodes[index]?.op ?? ''}`;

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
        return nodeName(graph, ref.index);
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
