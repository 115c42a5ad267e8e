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
  };
  readonly s?: Uint8Array;
  readonly i?: number;
  readonly f?: number;
  readonly b?: boolean;
  readonly type?: number;
  readonly shape?: TensorShape;
  readonly tensor?: { readonly dtype: number; readonly tensorShape: TensorShape; readonly tensorContent: Uint8Array };
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

/** GRAPH_DEF_VERSION of TensorFlow 2.9, the oldest that is supported. */
const PRODUCER = 1087;
export const TAG = 'serve';

const field = (type: string, id: number): protobuf.IField => ({ type, id });
const repeated = (type: string, id: number): protobuf.IField => ({ rule: 'repeated', type, id });

/** The fields that are used here of tensorflow/core/protobuf/{saved_model,meta_graph}.proto and core/framework/*.proto. */
const root = protobuf.Root.fromJSON({
  nested: {
    SavedModel: { fields: { savedModelSchemaVersion: field('int64', 1), metaGraphs: repeated('MetaGraphDef', 2) } },
    MetaGraphDef: { fields: { metaInfoDef: field('MetaInfoDef', 1), graphDef: field('GraphDef', 2) } },
    MetaInfoDef: { fields: { tags: repeated('string', 4) } },
    GraphDef: { fields: { node: repeated('NodeDef', 1), versions: field('VersionDef', 4) } },
    VersionDef: { fields: { producer: field('int32', 1) } },
    NodeDef: {
      fields: {
        ...{ name: field('string', 1), op: field('string', 2), input: repeated('string', 3) },
        attr: { keyType: 'string', type: 'AttrValue', id: 5 } as protobuf.IMapField,
      },
    },
    AttrValue: {
      oneofs: { value: { oneof: ['list', 's', 'i', 'f', 'b', 'type', 'shape', 'tensor'] } },
      fields: {
        ...{ list: field('ListValue', 1), s: field('bytes', 2), i: field('int64', 3), f: field('float', 4) },
        ...{ b: field('bool', 5), type: field('int32', 6), shape: field('TensorShapeProto', 7) },
        tensor: field('TensorProto', 8),
      },
    },
    ListValue: {
      fields: {
        ...{ s: repeated('bytes', 2), i: repeated('int64', 3), f: repeated('float', 4) },
        ...{ b: repeated('bool', 5), type: repeated('int32', 6) },
      },
    },
    TensorShapeProto: { fields: { dim: repeated('Dim', 2) } },
    Dim: { fields: { size: field('int64', 1) } },
    TensorProto: {
      fields: {
        ...{ dtype: field('int32', 1), tensorShape: field('TensorShapeProto', 2) },
        tensorContent: field('bytes', 4),
      },
    },
  },
});

/** The bytes of a saved_model.pb that holds a graph and nothing else: runs name their inputs and outputs by node. */
export function encodeSavedModel(nodes: readonly NodeDef[]): Uint8Array {
  const graphDef = { node: nodes, versions: { producer: PRODUCER } };
  const metaGraphs = [{ metaInfoDef: { tags: [TAG] }, graphDef }];
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
