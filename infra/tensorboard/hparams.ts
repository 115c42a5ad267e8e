import { unreachable } from '../../core/errors.ts';
import type { HparamDomain, HparamValue } from '../../core/summaries/hparams.ts';
import type { MetricColumn, SessionStatus, Summary } from '../../core/summaries/summary.ts';
import { encodeMessage } from './messages.ts';
import { floats } from './tensors.ts';

/** tensorboard.hparams.{DataType,DatasetType,Status} */
const dataType = { string: 1, boolean: 2, number: 3 } as const;
const datasetType = { other: 0, training: 1, validation: 2 } as const;
const status: Readonly<Record<SessionStatus, number>> = { success: 1, failure: 2, running: 3 };

type HparamsSummary = Extract<Summary, { kind: `hparams-${string}` }>;

/** A summary whose metadata is all there is to it: tensorboard/plugins/hparams/metadata.py. */
export function encodeHparams(summary: HparamsSummary) {
  const { tag, data } = messageOf(summary);
  const content = encodeMessage('HParamsPluginData', data);
  return {
    tag,
    tensor: floats(new Float32Array(0), [0]),
    metadata: { pluginData: { pluginName: 'hparams', content } },
  };
}

function messageOf(summary: HparamsSummary) {
  switch (summary.kind) {
    case 'hparams-experiment': {
      const { createdMs, description, hparams, metrics } = summary;
      const experiment = {
        ...(description === '' ? {} : { description }),
        timeCreatedSecs: createdMs / 1000,
        hparamInfos: hparams.map(({ path: name, domain, differs }) => ({
          name,
          ...domainOf(domain),
          ...(differs === true ? { differs } : {}),
        })),
        metricInfos: metrics.map(metricInfo),
      };
      return { tag: '_hparams_/experiment', data: { experiment } };
    }
    case 'hparams-start': {
      const { group, startedMs, values } = summary;
      const hparams = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, valueOf(value)]));
      const sessionStartInfo = { hparams, groupName: group, startTimeSecs: startedMs / 1000 };
      return { tag: '_hparams_/session_start_info', data: { sessionStartInfo } };
    }
    case 'hparams-end': {
      const sessionEndInfo = { status: status[summary.status], endTimeSecs: summary.endedMs / 1000 };
      return { tag: '_hparams_/session_end_info', data: { sessionEndInfo } };
    }
    default:
      return unreachable(summary);
  }
}

function domainOf(domain: HparamDomain) {
  switch (domain.kind) {
    case 'values': {
      const [first] = domain.values;
      const type = dataType[kindOf(first ?? '')];
      return { type, domainDiscrete: { values: domain.values.map(valueOf) } };
    }
    case 'interval':
      return { type: dataType.number, domainInterval: { minValue: domain.min, maxValue: domain.max } };
    case 'any':
      return { type: dataType[domain.type] };
    default:
      return unreachable(domain);
  }
}

function kindOf(value: HparamValue): keyof typeof dataType {
  if (typeof value === 'number') return 'number';
  return typeof value === 'boolean' ? 'boolean' : 'string';
}

function valueOf(value: HparamValue) {
  if (typeof value === 'number') return { numberValue: value };
  return typeof value === 'boolean' ? { boolValue: value } : { stringValue: value };
}

function metricInfo({ group, tag, displayName, side }: MetricColumn) {
  return {
    name: { ...(group === '' ? {} : { group }), tag },
    displayName,
    ...(side === 'other' ? {} : { datasetType: datasetType[side] }),
  };
}
