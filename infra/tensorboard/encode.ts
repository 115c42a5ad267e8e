import { unreachable } from '../../core/errors.ts';
import type { SummaryEvent, Summary } from '../../core/summaries/summary.ts';
import type { EventEncoder } from '../ports/event-encoder.ts';
import { frameRecord } from '../tfrecord/framing.ts';
import { encodeHparams } from './hparams.ts';
import { encodeMessage } from './messages.ts';
import { pngOf } from './png.ts';
import { doubles, floats, scalarTensor, strings } from './tensors.ts';
import { histogramRows } from '../../core/summaries/histogram.ts';
import type { PrCurve } from '../../core/summaries/pr-curve.ts';

/** tensorboard.DataClass */
const dataClass = { scalar: 1, tensor: 2, blobs: 3 } as const;

/** Event files that TensorBoard reads: TFRecords of tensorboard.Event (tensorboard/compat/proto/event.proto). */
export const eventEncoder: EventEncoder = {
  async encode(events, startedMs) {
    const head = { wallTime: startedMs / 1000, fileVersion: 'brain.Event:2', sourceMetadata: { writer: 'graft' } };
    const records = [frameRecord(encodeMessage('Event', head))];
    for (const event of events) records.push(frameRecord(encodeMessage('Event', await eventMessage(event))));
    return Buffer.concat(records);
  },
};

async function eventMessage({ step, timeMs, summaries }: SummaryEvent) {
  const value = await Promise.all(summaries.map(summaryValue));
  return { wallTime: timeMs / 1000, ...(step === 0 ? {} : { step }), summary: { value } };
}

interface SummaryValue {
  readonly tag: string;
  readonly tensor: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
}

async function summaryValue(summary: Summary): Promise<SummaryValue> {
  switch (summary.kind) {
    case 'scalar':
      return {
        tag: summary.tag,
        tensor: scalarTensor(summary.value),
        metadata: { pluginData: { pluginName: 'scalars' }, dataClass: dataClass.scalar },
      };
    case 'histogram': {
      const rows = histogramRows(summary.histogram);
      return {
        tag: summary.tag,
        tensor: doubles(rows, [rows.length / 3, 3]),
        metadata: { pluginData: { pluginName: 'histograms' }, dataClass: dataClass.tensor },
      };
    }
    case 'image':
      return imageValue(summary);
    case 'text':
      return {
        tag: summary.tag,
        tensor: strings([Buffer.from(summary.text)], []),
        metadata: { pluginData: { pluginName: 'text' }, dataClass: dataClass.tensor },
      };
    case 'pr-curve':
      return prCurveValue(summary.tag, summary.curve);
    case 'hparams-experiment':
    case 'hparams-start':
    case 'hparams-end':
      return encodeHparams(summary);
    default:
      return unreachable(summary);
  }
}

/** Width, height and the PNGs, all as texts: tensorboard/plugins/image/summary_v2.py. Pictures of one summary are of one size. */
async function imageValue({ tag, pictures, about }: Extract<Summary, { kind: 'image' }>): Promise<SummaryValue> {
  const [first] = pictures;
  const size = [String(first?.widthPx ?? 0), String(first?.heightPx ?? 0)].map((text) => Buffer.from(text));
  const blobs = [...size, ...(await Promise.all(pictures.map(pngOf)))];
  return {
    tag,
    tensor: strings(blobs, [blobs.length]),
    metadata: {
      pluginData: { pluginName: 'images' },
      ...(about === undefined ? {} : { summaryDescription: about }),
      dataClass: dataClass.blobs,
    },
  };
}

/** [6, thresholds] in the order of tensorboard/plugins/pr_curve/metadata.py. */
function prCurveValue(tag: string, curve: PrCurve): SummaryValue {
  const { truePositives, falsePositives, trueNegatives, falseNegatives, precision, recall } = curve;
  const rows = [truePositives, falsePositives, trueNegatives, falseNegatives, precision, recall];
  const numThresholds = recall.length;
  const content = encodeMessage('PrCurvePluginData', { numThresholds });
  return {
    tag,
    tensor: floats(Float32Array.from(rows.flat()), [rows.length, numThresholds]),
    metadata: { pluginData: { pluginName: 'pr_curves', content }, dataClass: dataClass.tensor },
  };
}
