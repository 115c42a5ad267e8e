import protobuf from 'protobufjs/light.js';

const field = (type: string, id: number): protobuf.IField => ({ type, id });
const repeated = (type: string, id: number): protobuf.IField => ({ rule: 'repeated', type, id });
const mapOf = (type: string, id: number): protobuf.IMapField => ({ keyType: 'string', type, id });

/**
 * The fields that are used here of TensorBoard's messages, under its own names and numbers:
 * tensorboard/compat/proto/{event,summary,tensor,tensor_shape}.proto, tensorboard/plugins/hparams/{api,plugin_data}.proto,
 * tensorboard/plugins/pr_curve/plugin_data.proto and google/protobuf/struct.proto. Enumerations are plain numbers.
 */
const root = protobuf.Root.fromJSON({
  nested: {
    Event: {
      oneofs: { what: { oneof: ['fileVersion', 'summary'] } },
      fields: {
        ...{ wallTime: field('double', 1), step: field('int64', 2), fileVersion: field('string', 3) },
        ...{ summary: field('Summary', 5), sourceMetadata: field('SourceMetadata', 10) },
      },
    },
    SourceMetadata: { fields: { writer: field('string', 1) } },
    Summary: { fields: { value: repeated('SummaryValue', 1) } },
    SummaryValue: {
      fields: { tag: field('string', 1), tensor: field('TensorProto', 8), metadata: field('SummaryMetadata', 9) },
    },
    SummaryMetadata: {
      fields: {
        ...{ pluginData: field('PluginData', 1), displayName: field('string', 2) },
        ...{ summaryDescription: field('string', 3), dataClass: field('int32', 4) },
      },
    },
    PluginData: { fields: { pluginName: field('string', 1), content: field('bytes', 2) } },
    TensorProto: {
      fields: {
        ...{ dtype: field('int32', 1), tensorShape: field('TensorShapeProto', 2), tensorContent: field('bytes', 4) },
        ...{ floatVal: repeated('float', 5), stringVal: repeated('bytes', 8) },
      },
    },
    TensorShapeProto: { fields: { dim: repeated('Dim', 2) } },
    Dim: { fields: { size: field('int64', 1) } },
    PrCurvePluginData: { fields: { version: field('int32', 1), numThresholds: field('uint32', 2) } },
    HParamsPluginData: {
      oneofs: { data: { oneof: ['experiment', 'sessionStartInfo', 'sessionEndInfo'] } },
      fields: {
        ...{ version: field('int32', 1), experiment: field('Experiment', 2) },
        ...{ sessionStartInfo: field('SessionStartInfo', 3), sessionEndInfo: field('SessionEndInfo', 4) },
      },
    },
    Experiment: {
      fields: {
        ...{ description: field('string', 1), timeCreatedSecs: field('double', 3) },
        ...{ hparamInfos: repeated('HParamInfo', 4), metricInfos: repeated('MetricInfo', 5) },
      },
    },
    HParamInfo: {
      oneofs: { domain: { oneof: ['domainDiscrete', 'domainInterval'] } },
      fields: {
        ...{ name: field('string', 1), type: field('int32', 4) },
        ...{ domainDiscrete: field('ListValue', 5), domainInterval: field('Interval', 6) },
        differs: field('bool', 7),
      },
    },
    Interval: { fields: { minValue: field('double', 1), maxValue: field('double', 2) } },
    MetricInfo: {
      fields: {
        ...{ name: field('MetricName', 1), displayName: field('string', 3), datasetType: field('int32', 5) },
      },
    },
    MetricName: { fields: { group: field('string', 1), tag: field('string', 2) } },
    SessionStartInfo: {
      fields: {
        ...{ hparams: mapOf('Value', 1), groupName: field('string', 4), startTimeSecs: field('double', 5) },
      },
    },
    SessionEndInfo: { fields: { status: field('int32', 1), endTimeSecs: field('double', 2) } },
    Value: {
      oneofs: { kind: { oneof: ['numberValue', 'stringValue', 'boolValue'] } },
      fields: { numberValue: field('double', 2), stringValue: field('string', 3), boolValue: field('bool', 4) },
    },
    ListValue: { fields: { values: repeated('Value', 1) } },
  },
});

/** The wire form of a message; absent fields are those of proto3's defaults, which nobody writes. */
export function encodeMessage(type: string, message: Readonly<Record<string, unknown>>): Uint8Array {
  return root.lookupType(type).encode(message).finish();
}
