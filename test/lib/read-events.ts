import { readFile } from 'node:fs/promises';
import protobuf from 'protobufjs';
import { readRecords } from '../../infra/tfrecord/framing.ts';

/** A reader of event files with a schema of its own: what the encoder writes is not judged by the encoder's messages. */
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
  message Summary { repeated Value value = 1; }
  message Value { string tag = 1; Tensor tensor = 8; Metadata metadata = 9; }
  message Metadata { Plugin plugin_data = 1; }
  message Plugin { string plugin_name = 1; bytes content = 2; }
  message Tensor { int32 dtype = 1; bytes tensor_content = 4; repeated float float_val = 5; repeated bytes string_val = 8; }
`);
const Event = root.lookupType('Event');

export interface SeenSummary {
  readonly step: number;
  readonly wallTime: number;
  readonly tag: string;
  readonly plugin: string;
  /** Of a scalar. */
  readonly value: number | null;
}

/** Every summary of an event file, in order. */
export async function readEvents(bytes: Uint8Array | string): Promise<SeenSummary[]> {
  const seen: SeenSummary[] = [];
  const data = typeof bytes === 'string' ? await readFile(bytes) : bytes;
  for await (const record of readRecords([data], 'events')) {
    const event = Event.toObject(Event.decode(record), { longs: Number, defaults: true });
    for (const { tag, tensor, metadata } of event['summary']?.value ?? []) {
      const plugin = metadata.pluginData.pluginName;
      seen.push({ step: event['step'], wallTime: event['wallTime'], tag, plugin, value: tensor.floatVal[0] ?? null });
    }
  }
  return seen;
}
