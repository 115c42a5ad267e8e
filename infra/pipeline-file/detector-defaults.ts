import { presetNamed } from '../../core/detection/presets.ts';
import type { DetectorPreset, PresetKeys, PresetValue } from '../../core/detection/presets.ts';
import { isPlainMap, valueAt } from './json-schema.ts';
import type { Plain } from './yaml-source.ts';

/** Which preset `model.detector` names; the usual one of its kind where it names none. */
function presetOf(value: Plain): { name: string; preset: DetectorPreset } | null {
  const detector = valueAt(value, ['model', 'detector']);
  const isDetection = valueAt(value, ['task']) === 'detection';
  if (!isDetection && !isPlainMap(detector)) return null;
  const given = valueAt(detector, ['preset']);
  const usual = valueAt(detector, ['kind']) === 'faster-rcnn' ? 'faster_rcnn_resnet50' : 'ssd_mobilenet_v1';
  const name = given ?? usual;
  const preset = presetNamed(name);
  // Another name is for the schema to refuse.
  return preset && typeof name === 'string' ? { name, preset } : null;
}

/**
 * A detection pipeline with what its preset says of backbone, input, training and augmentation, and with mAP where a
 * classifier is judged by its accuracy: for every key that the file does not have itself.
 */
export function withDetector(value: Plain): Plain {
  const found = presetOf(value);
  if (found === null || !isPlainMap(value)) return value;
  const { name, preset } = found;
  const { kind, backbone, size, resize, detector, train, augment } = preset;
  const defaults: PresetKeys = {
    image: { size, resize },
    model: { backbone, strategy: 'full', detector: { kind, preset: name, ...detector } },
    train: { bestMetric: 'validation.mAP', ...train },
    augment,
    promote: {
      gate: { noWorseThanChampion: { mAP50: 0 }, betterThanChampion: { metric: 'mAP50' } },
    },
  };
  return merged(defaults, value);
}

/** Maps that a person writes whole. */
const WHOLE: ReadonlySet<string> = new Set(['noWorseThanChampion']);

/** Key by key; what a person wrote goes before, and a map of another `kind` shares nothing with the preset's. */
function merged(base: PresetValue, over: Plain | undefined): Plain {
  if (over === undefined) return copied(base);
  if (!isKeys(base) || !isPlainMap(over)) return over;
  if (over['kind'] !== undefined && base['kind'] !== undefined && over['kind'] !== base['kind']) return over;
  const keys = [...new Set([...Object.keys(base), ...Object.keys(over)])];
  return Object.fromEntries(
    keys.map((key): [string, Plain] => {
      const [ours, theirs] = [base[key], Object.hasOwn(over, key) ? over[key] : undefined];
      if (ours === undefined) return [key, theirs ?? null];
      return [key, theirs !== undefined && WHOLE.has(key) ? theirs : merged(ours, theirs)];
    }),
  );
}

function copied(value: PresetValue): Plain {
  if (isList(value)) return value.map(copied);
  if (!isKeys(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, copied(each)]));
}

const isList = (value: PresetValue): value is readonly PresetValue[] => Array.isArray(value);

function isKeys(value: PresetValue): value is PresetKeys {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
