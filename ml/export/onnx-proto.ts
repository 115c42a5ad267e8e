import protobuf from 'protobufjs/light.js';

const field = (type: string, id: number): protobuf.IField => ({ type, id });
const repeated = (type: string, id: number): protobuf.IField => ({ rule: 'repeated', type, id });

/** Element types, of TensorProto.DataType in onnx.proto. */
export const ONNX_TYPE = { float: 1, uint8: 2, int8: 3, int64: 7, float16: 10 } as const;

/** AttributeProto.AttributeType. */
const ATTRIBUTE = { float: 1, int: 2, string: 3, floats: 6, ints: 7 } as const;

export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  /** Little-endian, row-major. */
  readonly rawData: Uint8Array;
}

export type OnnxAttribute = number | string | readonly number[];

export interface OnnxNode {
  readonly opType: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  /** Whole numbers, texts and lists of whole numbers. */
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxValue {
  readonly name: string;
  readonly type: number;
  /** A text is a side of any size. */
  readonly shape: readonly (number | string)[];
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** The fields that are used here of onnx/onnx.proto (ONNX 1.12, IR version 8). */
const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        ...{ irVersion: field('int64', 1), producerName: field('string', 2), graph: field('GraphProto', 7) },
        ...{ opsetImport: repeated('OperatorSetIdProto', 8), metadataProps: repeated('StringStringEntryProto', 14) },
      },
    },
    OperatorSetIdProto: { fields: { domain: field('string', 1), version: field('int64', 2) } },
    StringStringEntryProto: { fields: { key: field('string', 1), value: field('string', 2) } },
    GraphProto: {
      fields: {
        ...{ node: repeated('NodeProto', 1), name: field('string', 2), initializer: repeated('TensorProto', 5) },
        ...{ input: repeated('ValueInfoProto', 11), output: repeated('ValueInfoProto', 12) },
      },
    },
    NodeProto: {
      fields: {
        ...{ input: repeated('string', 1), output: repeated('string', 2), name: field('string', 3) },
        ...{ opType: field('string', 4), attribute: repeated('AttributeProto', 5) },
      },
    },
    AttributeProto: {
      fields: {
        ...{ name: field('string', 1), f: field('float', 2), i: field('int64', 3), s: field('bytes', 4) },
        ...{ ints: repeated('int64', 8), type: field('int32', 20) },
      },
    },
    TensorProto: {
      fields: {
        ...{ dims: repeated('int64', 1), dataType: field('int32', 2) },
        ...{ name: field('string', 8), rawData: field('bytes', 9) },
      },
    },
    ValueInfoProto: { fields: { name: field('string', 1), type: field('TypeProto', 2) } },
    TypeProto: { fields: { tensorType: field('TensorType', 1) } },
    TensorType: { fields: { elemType: field('int32', 1), shape: field('TensorShapeProto', 2) } },
    TensorShapeProto: { fields: { dim: repeated('Dimension', 1) } },
    Dimension: {
      oneofs: { value: { oneof: ['dimValue', 'dimParam'] } },
      fields: { dimValue: field('int64', 1), dimParam: field('string', 2) },
    },
  },
});

/** ReduceMean with its axes as an attribute, DequantizeLinear with an axis: what runtimes of 2022 and later know. */
const OPSET = 17;
const IR_VERSION = 8;

/** The bytes of an .onnx file. */
export function encodeOnnx({ nodes, initializers, inputs, outputs, metadata }: OnnxGraph): Uint8Array {
  const graph = {
    name: 'graft',
    node: nodes.map((node, index) => ({
      ...{ input: node.input, output: node.output, name: `${node.opType}_${index}`, opType: node.opType },
      attribute: Object.entries(node.attributes).map(([name, value]) => attribute(name, value)),
    })),
    initializer: initializers,
    input: inputs.map(valueInfo),
    output: outputs.map(valueInfo),
  };
  const model = {
    ...{ irVersion: IR_VERSION, producerName: 'graft', graph },
    opsetImport: [{ domain: '', version: OPSET }],
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  };
  return root.lookupType('ModelProto').encode(model).finish();
}

function attribute(name: string, value: OnnxAttribute): object {
  if (typeof value === 'string') return { name, s: Buffer.from(value), type: ATTRIBUTE.string };
  if (typeof value === 'number') return { name, i: value, type: ATTRIBUTE.int };
  return { name, ints: value, type: ATTRIBUTE.ints };
}

function valueInfo({ name, type, shape }: OnnxValue): object {
  const dim = shape.map((side) => (typeof side === 'string' ? { dimParam: side } : { dimValue: side }));
  return { name, type: { tensorType: { elemType: type, shape: { dim } } } };
}
