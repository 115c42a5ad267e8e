import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import protobuf from 'protobufjs/light.js';

/** An attribute of a node: one field of tensorflow.AttrValue. */
export interface AttrValue {
  readonly list?: {
    readonly s?: readonly Uint8Array[];
    readonly i?: readonly number[];
    readonly f?: readonly number[];
    readonly b?: readonly boolean[];
    readonly type?: readonly number[];
    readonly shape?: readonly TensorShape[];
  };
  readonly s?: Uint8Array;
  readonly i?: number;
  readonly f?: number;
  readonly b?: boolean;
  readonly type?: number;
  readonly shape?: TensorShape;
  readonly tensor?: {
    readonly dtype: number;
    readonly tensorShape: TensorShape;
    readonly tensorContent?: Uint8Array;
    readonly stringVal?: readonly Uint8Array[];
  };
  readonly func?: { readonly name: string };
}

export interface TensorShape {
  readonly dim: readonly { readonly size: number }[];
}

/** A node of a GraphDef: inputs are `node`, `node:output` or `^node` for order alone. */
export interface NodeDef {
  readonly name: string;
  readonly op: string;
  readonly input: readonly string[];
  readonly attr: Readonly<Record<string, AttrValue>>;
}

/** A named argument or result of a function; `type` is TensorFlow's number of the element type. */
export interface ArgDef {
  readonly name: string;
  readonly type: number;
}

/** A function that nodes call by name: its own nodes name inputs `node:result:index`, or an argument. */
export interface FunctionDef {
  readonly signature: {
    readonly name: string;
    readonly inputArg: readonly ArgDef[];
    readonly outputArg: readonly ArgDef[];
  };
  readonly nodeDef: readonly NodeDef[];
  /** Result → `node:result:index`. */
  readonly ret: Readonly<Record<string, string>>;
}

/** A tensor of the graph as callers see it: `node:output`; −1 in the shape is any size. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: number;
  readonly tensorShape: TensorShape;
}

/** What TensorFlow Serving and `tf.saved_model.load` call by name. */
export interface SignatureDef {
  readonly inputs: Readonly<Record<string, TensorInfo>>;
  readonly outputs: Readonly<Record<string, TensorInfo>>;
  readonly methodName: string;
}

export interface SavedModelParts {
  readonly functions?: readonly FunctionDef[];
  readonly signatures?: Readonly<Record<string, SignatureDef>>;
}

/** GRAPH_DEF_VERSION of TensorFlow 2.9, the oldest that is supported. */
const PRODUCER = 1087;
export const TAG = 'serve';

const field = (type: string, id: number): protobuf.IField => ({ type, id });
const repeated = (type: string, id: number): protobuf.IField => ({ rule: 'repeated', type, id });

const map = (type: string, id: number): protobuf.IMapField => ({ keyType: 'string', type, id });

/** The fields that are used here of tensorflow/core/protobuf/{saved_model,meta_graph}.proto and core/framework/*.proto. */
const root = protobuf.Root.fromJSON({
  nested: {
    SavedModel: { fields: { savedModelSchemaVersion: field('int64', 1), metaGraphs: repeated('MetaGraphDef', 2) } },
    MetaGraphDef: {
      fields: {
        ...{ metaInfoDef: field('MetaInfoDef', 1), graphDef: field('GraphDef', 2) },
        signatureDef: map('SignatureDef', 5),
      },
    },
    MetaInfoDef: { fields: { tags: repeated('string', 4) } },
    SignatureDef: {
      fields: { inputs: map('TensorInfo', 1), outputs: map('TensorInfo', 2), methodName: field('string', 3) },
    },
    TensorInfo: {
      fields: { name: field('string', 1), dtype: field('int32', 2), tensorShape: field('TensorShapeProto', 3) },
    },
    GraphDef: {
      fields: {
        ...{ node: repeated('NodeDef', 1), library: field('FunctionDefLibrary', 2) },
        versions: field('VersionDef', 4),
      },
    },
    FunctionDefLibrary: { fields: { function: repeated('FunctionDef', 1) } },
    FunctionDef: {
      fields: { signature: field('OpDef', 1), nodeDef: repeated('NodeDef', 3), ret: map('string', 4) },
    },
    OpDef: {
      fields: { name: field('string', 1), inputArg: repeated('ArgDef', 2), outputArg: repeated('ArgDef', 3) },
    },
    ArgDef: { fields: { name: field('string', 1), type: field('int32', 3) } },
    VersionDef: { fields: { producer: field('int32', 1) } },
    NodeDef: {
      fields: {
        ...{ name: field('string', 1), op: field('string', 2), input: repeated('string', 3) },
        attr: map('AttrValue', 5),
      },
    },
    AttrValue: {
      oneofs: { value: { oneof: ['list', 's', 'i', 'f', 'b', 'type', 'shape', 'tensor', 'func'] } },
      fields: {
        ...{ list: field('ListValue', 1), s: field('bytes', 2), i: field('int64', 3), f: field('float', 4) },
        ...{ b: field('bool', 5), type: field('int32', 6), shape: field('TensorShapeProto', 7) },
        ...{ tensor: field('TensorProto', 8), func: field('NameAttrList', 10) },
      },
    },
    ListValue: {
      fields: {
        ...{ s: repeated('bytes', 2), i: repeated('int64', 3), f: repeated('float', 4) },
        ...{ b: repeated('bool', 5), type: repeated('int32', 6), shape: repeated('TensorShapeProto', 7) },
      },
    },
    NameAttrList: { fields: { name: field('string', 1) } },
    TensorShapeProto: { fields: { dim: repeated('Dim', 2) } },
    Dim: { fields: { size: field('int64', 1) } },
    TensorProto: {
      fields: {
        ...{ dtype: field('int32', 1), tensorShape: field('TensorShapeProto', 2) },
        ...{ tensorContent: field('bytes', 4), stringVal: repeated('bytes', 8) },
      },
    },
  },
});

/**
 * The bytes of a saved_model.pb. Without signatures it is for runs that name their inputs and outputs by node.
 */
export function encodeSavedModel(nodes: readonly NodeDef[], parts: SavedModelParts = {}): Uint8Array {
  const { functions = [], signatures = {} } = parts;
  const library = functions.length > 0 ? { library: { function: functions } } : {};
  const graphDef = { node: nodes, ...library, versions: { producer: PRODUCER } };
  const metaGraphs = [{ metaInfoDef: { tags: [TAG] }, graphDef, signatureDef: signatures }];
  return root.lookupType('SavedModel').encode({ savedModelSchemaVersion: 1, metaGraphs }).finish();
}

/** Lends a folder with the SavedModel to `load`, and removes it: TensorFlow keeps the graph in memory. */
export async function withSavedModel<T>(
  nodes: readonly NodeDef[],
  folder: string,
  load: (folder: string) => T,
): Promise<T> {
  await mkdir(folder, { recursive: true });
  try {
    await writeFile(join(folder, 'saved_model.pb'), encodeSavedModel(nodes));
    return load(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
